"""The words that the tokens of a text belong to."""

from collections.abc import Callable
from pathlib import Path

import pytest
import transformers

from tests.test_models.test_text_encoders.text_families import FAMILIES
from vlpose_mm.models import TransformersTextEncoder
from vlpose_mm.models.text_encoders.base import Word
from vlpose_mm.models.text_encoders.words import split_words

TEXT = "an ukiyo-e  print of a kid's person."
WORDS = ['an', 'ukiyo-e', 'print', 'of', 'a', "kid's", 'person', '.']


def assert_complete(encoder: TransformersTextEncoder, prompt: str | list[str]) -> None:
    """Assert that each token state belongs to a word."""
    num_states = int(encoder([prompt]).attention_mask.sum())
    assert sum(word.num_tokens for word in encoder.words(prompt)) == num_states


@pytest.mark.parametrize(
    ('name', 'first', 'last'),
    [
        ('bert', ['[CLS]'], ['[SEP]']),
        ('clip', ['<|startoftext|>'], ['<|endoftext|>']),
        ('t5', [], ['</s>']),
    ],
)
def test_the_pieces_of_a_word_are_one_word_and_special_tokens_are_separate(
    name: str, first: list[str], last: list[str], families: Callable
) -> None:
    tokenizer = families(name).tokenizer
    words = split_words(tokenizer, TEXT, 99)
    assert [word.text for word in words] == [*first, *WORDS, *last]
    assert [w.text for w in words if w.special] == [*first, *last]
    ids, start = tokenizer(TEXT)['input_ids'], 0
    for word in words:
        part = tokenizer.decode(ids[start : start + word.num_tokens])
        if word.text in ('print', 'person', 'of'):
            assert part.strip() == word.text
        start += word.num_tokens
    assert start == len(ids)
    if name == 'bert':
        # [CLS] an uk ##iy ##o - e print of a kid ' s person . [SEP]
        assert [w.num_tokens for w in words] == [1, 1, 5, 1, 1, 1, 3, 1, 1, 1]


class SlowTokenizer:
    """A tokenizer that does not know the characters of its tokens."""

    is_fast = False

    def __init__(self, tokenizer: transformers.PreTrainedTokenizerBase) -> None:
        self.tokenizer = tokenizer
        self.convert_ids_to_tokens = tokenizer.convert_ids_to_tokens

    def __call__(self, text: str, **kwargs) -> dict:
        assert not kwargs['return_offsets_mapping']
        return self.tokenizer(text, **kwargs)


def test_slow_tokenizers_start_a_word_at_a_blank_or_at_each_piece(
    families: Callable, tmp_path: Path
) -> None:
    tokenizer = families('siglip').tokenizer
    assert not tokenizer.is_fast
    words = split_words(tokenizer, 'a photo of person', 99)
    assert [word.text for word in words] == ['a', 'photo', 'of', 'person', '</s>']
    assert [word.special for word in words] == [False] * 4 + [True]
    vocab = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'a', 'mural', '##s']
    (tmp_path / 'vocab.txt').write_text('\n'.join(vocab))
    fast = transformers.BertTokenizerFast.from_pretrained(tmp_path)
    words = split_words(SlowTokenizer(fast), 'a murals', 99)
    assert [w.text for w in words] == ['[CLS]', 'a', 'mural', '##s', '[SEP]']


@pytest.mark.parametrize('name', FAMILIES)
def test_every_state_of_any_family_belongs_to_a_word_even_if_the_text_is_cut(
    name: str, families: Callable
) -> None:
    encoder = TransformersTextEncoder(families(name).folder, max_length=12)
    for text in ('a person', 'a cartoon. of person', 'a ' * 40):
        assert_complete(encoder, text)
        assert not next(w.special for w in encoder.words(text) if w.text == 'a')
    encoder = TransformersTextEncoder(families(name).folder, context_tokens=3)
    start = 0 if name in ('siglip', 't5') else 1
    assert encoder.words('a person')[start] == Word('[context]', 3, special=True)
    assert_complete(encoder, 'a person')


def test_a_single_token_is_one_word_and_several_texts_follow_each_other(
    minilm: str, families: Callable
) -> None:
    pooled = TransformersTextEncoder(families('clip').folder, tokens='pooled')
    assert pooled.words('a person') == [Word('a person', 1)]
    mean = TransformersTextEncoder(families('bert').folder, combine='mean')
    assert mean.words(['a person', 'a mural']) == [Word('a person / a mural', 1)]
    encoder, prompt = TransformersTextEncoder(minilm), ['a mural', 'a sketch of a person']
    assert encoder.words(prompt) == [w for text in prompt for w in encoder.words(text)]
    assert_complete(encoder, prompt)
