"""Which words of a text prompt the tokens of an encoder belong to."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import transformers

from tests.test_models.test_text_encoders.text_families import (
    TOKENIZERS,
    byte_pairs,
    siglip_pieces,
    t5_pieces,
    tiny_bert,
    tiny_clip,
    tiny_t5,
    word_pieces,
)
from vlpose_mm.checkpoint.text_features import encode_text_prompts
from vlpose_mm.models import (
    PrecomputedTextEncoder,
    RandomTextEncoder,
    TransformersTextEncoder,
)
from vlpose_mm.models.text_encoders.base import TextEncoder, Word
from vlpose_mm.models.text_encoders.words import split_words

TEXT_PROMPT = "an ukiyo-e  print of a kid's person."
WORDS = ['an', 'ukiyo-e', 'print', 'of', 'a', "kid's", 'person', '.']


def count(encoder: TextEncoder, prompt: str | list[str]) -> int:
    """How many tokens a prompt has."""
    return int(encoder([prompt]).attention_mask.sum())


@pytest.mark.parametrize(
    ('make', 'first', 'last'),
    [
        (word_pieces, ['[CLS]'], ['[SEP]']),
        (byte_pairs, ['<|startoftext|>'], ['<|endoftext|>']),
        (t5_pieces, [], ['</s>']),
    ],
)
def test_the_pieces_of_a_word_are_one_word_and_special_tokens_stand_apart(
    make: Callable, first: list[str], last: list[str], minilm: str
) -> None:
    tokenizer = make(minilm)
    words = split_words(tokenizer, TEXT_PROMPT, 99)
    assert [word.text for word in words] == [*first, *WORDS, *last]
    assert [w.text for w in words if w.special] == [*first, *last]
    ids = tokenizer(TEXT_PROMPT)['input_ids']
    assert sum(word.num_tokens for word in words) == len(ids)
    # What is between two places in the text prompt has the tokens of these places.
    start = 0
    for word in words:
        part = tokenizer.decode(ids[start : start + word.num_tokens])
        if word.text in ('print', 'person', 'of'):
            assert part.strip() == word.text
        start += word.num_tokens


def test_word_pieces_are_counted(minilm: str) -> None:
    words = split_words(word_pieces(minilm), TEXT_PROMPT, 99)
    # [CLS] an uk ##iy ##o - e print of a kid ' s person . [SEP]
    assert [w.num_tokens for w in words] == [1, 1, 5, 1, 1, 1, 3, 1, 1, 1]


def test_a_tokenizer_that_knows_no_characters_goes_by_its_blanks(minilm: str) -> None:
    tokenizer = siglip_pieces(minilm)
    assert not tokenizer.is_fast
    words = split_words(tokenizer, 'a photo of person', 99)
    assert [word.text for word in words] == ['a', 'photo', 'of', 'person', '</s>']
    assert [word.special for word in words] == [False] * 4 + [True]


def test_pieces_without_blanks_are_words_of_their_own(tmp_path: Path) -> None:
    vocab = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'a', 'mural', '##s']
    (tmp_path / 'vocab.txt').write_text('\n'.join(vocab))
    tokenizer = transformers.BertTokenizerFast(
        vocab={token: i for i, token in enumerate(vocab)}
    )
    slow = SlowTokenizer(tokenizer)
    words = split_words(slow, 'a murals', 99)
    assert [w.text for w in words] == ['[CLS]', 'a', 'mural', '##s', '[SEP]']


class SlowTokenizer:
    """A tokenizer that does not tell the characters of its tokens."""

    is_fast = False

    def __init__(self, tokenizer: transformers.PreTrainedTokenizerBase) -> None:
        self.tokenizer = tokenizer
        self.convert_ids_to_tokens = tokenizer.convert_ids_to_tokens

    def __call__(self, text_prompt: str, **kwargs) -> dict:
        assert not kwargs['return_offsets_mapping']
        return self.tokenizer(text_prompt, **kwargs)


@pytest.mark.parametrize('make', TOKENIZERS)
@pytest.mark.parametrize('text_prompt', ['a person', 'a cartoon. of person', 'a ' * 40])
def test_words_of_any_family_have_as_many_tokens_as_there_are_states(
    make: Callable, text_prompt: str, families: Callable
) -> None:
    encoder = TransformersTextEncoder(families(make).folder, max_length=12)
    words = encoder.words(text_prompt)
    assert sum(word.num_tokens for word in words) == count(encoder, text_prompt)
    # Also if it is cut.
    assert [w.special for w in words if w.text == text_prompt.split()[0]][0] is False


def test_a_learnt_context_stands_where_its_tokens_do(families: Callable) -> None:
    for make, place in ((tiny_bert, 1), (tiny_t5, 0)):
        encoder = TransformersTextEncoder(families(make).folder, context_tokens=3)
        words = encoder.words('a person')
        assert words[place] == Word('[context]', 3, special=True)
        assert sum(word.num_tokens for word in words) == count(encoder, 'a person')


def test_a_prompt_that_is_one_token_is_one_word(families: Callable) -> None:
    pooled = TransformersTextEncoder(families(tiny_clip).folder, tokens='pooled')
    assert pooled.words('a person') == [Word('a person', 1)]
    mean = TransformersTextEncoder(families(tiny_bert).folder, combine='mean')
    assert mean.words(['a person', 'a mural']) == [Word('a person / a mural', 1)]


def test_text_prompts_follow_each_other(minilm: str) -> None:
    encoder = TransformersTextEncoder(minilm)
    prompt = ['a mural', 'a sketch of a person']
    words = encoder.words(prompt)
    assert words == encoder.words(prompt[0]) + encoder.words(prompt[1])
    assert sum(word.num_tokens for word in words) == count(encoder, prompt)


def test_a_file_of_features_keeps_the_words(minilm: str, tmp_path: Path) -> None:
    encoder, path = TransformersTextEncoder(minilm), str(tmp_path / 'text.pth')
    features = encode_text_prompts(encoder, [TEXT_PROMPT, 'a mural'])
    torch.save(features, path)
    assert PrecomputedTextEncoder(path).words(TEXT_PROMPT) == encoder.words(TEXT_PROMPT)
    # As what is tuned is saved from an encoder that read a file.
    again = encode_text_prompts(PrecomputedTextEncoder(path), ['a mural'])
    assert again['words'] == features['words'][1:]


def test_tokens_are_numbered_where_nobody_knows_their_words(
    minilm: str, tmp_path: Path
) -> None:
    path = str(tmp_path / 'text.pth')
    features = encode_text_prompts(TransformersTextEncoder(minilm), ['a mural'])
    without = {k: v for k, v in features.items() if k != 'words'}
    torch.save(without, path)
    numbered = [Word(f'token {number}', 1) for number in (1, 2, 3, 4)]
    assert PrecomputedTextEncoder(path).words('a mural') == numbered
    assert RandomTextEncoder(8, num_tokens=4).words('a mural') == numbered

    # Features of another tokenizer took the place of those that the words are of.
    torch.save(features, path)
    encoder = PrecomputedTextEncoder(path)
    words = encoder.words_by_text_prompt
    encoder.replace({'a mural': torch.randn(2, 384)}, words)
    assert encoder.words('a mural') == numbered[:2]


@pytest.mark.parametrize(
    'words',
    [
        [],
        [7],
        [['abc']],
        [[['a', 1, False, 3]]],
        [[['a', 'b', False]]],
        [[['a', 2, 0]]],
        [[[1, 2, False]]],
        [[['a', True, False]]],
        [[['a', -1, False], ['mural', 3, False]]],
    ],
)
def test_a_file_with_broken_words_is_refused(words: list, tmp_path: Path) -> None:
    path = str(tmp_path / 'text.pth')
    tokens = [torch.randn(2, 8)]
    torch.save(dict(text_prompts=['a mural'], last_hidden_state=tokens, words=words), path)
    with pytest.raises(ValueError, match='holds no words of its text prompts'):
        PrecomputedTextEncoder(path)
