"""The words that the tokens of a text belong to."""

from collections.abc import Callable

import pytest
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
    ('make', 'first', 'last'),
    [
        (word_pieces, ['[CLS]'], ['[SEP]']),
        (byte_pairs, ['<|startoftext|>'], ['<|endoftext|>']),
        (t5_pieces, [], ['</s>']),
    ],
)
def test_the_pieces_of_a_word_are_one_word_and_special_tokens_are_separate(
    make: Callable, first: list[str], last: list[str], minilm: str
) -> None:
    tokenizer = make(minilm)
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
    if make is word_pieces:
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


def test_slow_tokenizers_start_a_word_at_a_blank_or_at_each_piece(minilm: str) -> None:
    tokenizer = siglip_pieces(minilm)
    assert not tokenizer.is_fast
    words = split_words(tokenizer, 'a photo of person', 99)
    assert [word.text for word in words] == ['a', 'photo', 'of', 'person', '</s>']
    assert [word.special for word in words] == [False] * 4 + [True]
    vocab = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'a', 'mural', '##s']
    fast = transformers.BertTokenizerFast(vocab={t: i for i, t in enumerate(vocab)})
    words = split_words(SlowTokenizer(fast), 'a murals', 99)
    assert [w.text for w in words] == ['[CLS]', 'a', 'mural', '##s', '[SEP]']


@pytest.mark.parametrize('make', TOKENIZERS)
@pytest.mark.parametrize('text', ['a person', 'a cartoon. of person', 'a ' * 40])
def test_every_state_of_any_family_belongs_to_a_word_even_if_the_text_is_cut(
    make: Callable, text: str, families: Callable
) -> None:
    encoder = TransformersTextEncoder(families(make).folder, max_length=12)
    assert_complete(encoder, text)
    words = encoder.words(text)
    assert [w.special for w in words if w.text == text.split()[0]][0] is False


def test_a_context_is_a_special_word_at_its_position(families: Callable) -> None:
    for make, position in ((tiny_bert, 1), (tiny_t5, 0)):
        encoder = TransformersTextEncoder(families(make).folder, context_tokens=3)
        words = encoder.words('a person')
        assert words[position] == Word('[context]', 3, special=True)
        assert_complete(encoder, 'a person')


def test_a_single_token_is_one_word_and_several_texts_follow_each_other(
    minilm: str, families: Callable
) -> None:
    pooled = TransformersTextEncoder(families(tiny_clip).folder, tokens='pooled')
    assert pooled.words('a person') == [Word('a person', 1)]
    mean = TransformersTextEncoder(families(tiny_bert).folder, combine='mean')
    assert mean.words(['a person', 'a mural']) == [Word('a person / a mural', 1)]
    encoder, prompt = TransformersTextEncoder(minilm), ['a mural', 'a sketch of a person']
    assert encoder.words(prompt) == [w for text in prompt for w in encoder.words(text)]
    assert_complete(encoder, prompt)
