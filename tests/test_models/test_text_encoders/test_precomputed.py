"""PrecomputedTextEncoder: features and words of files."""

from pathlib import Path

import pytest
import torch

from vlpose_mm.checkpoint.text_features import encode_text_prompts
from vlpose_mm.models.text_encoders import (
    PrecomputedTextEncoder,
    RandomTextEncoder,
    TransformersTextEncoder,
)
from vlpose_mm.models.text_encoders.base import Word

SKETCH, GLASS = 'a sketch of a person', "a kid's stained glass"


@pytest.fixture(scope='module')
def encoder(minilm: str) -> TransformersTextEncoder:
    return TransformersTextEncoder(minilm)


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Where a file of text features may be."""
    return str(tmp_path / 'text.pth')


def test_features_and_words_equal_the_encoders(
    encoder: TransformersTextEncoder, path: str
) -> None:
    torch.save(encode_text_prompts(encoder, [SKETCH, GLASS, SKETCH]), path)
    precomputed = PrecomputedTextEncoder(path)
    assert precomputed.embed_dims == 384
    prompts = [GLASS, [SKETCH, GLASS], {SKETCH: 0.8, GLASS: 0.2}]
    for got, want in zip(precomputed(prompts), encoder(prompts), strict=True):
        assert torch.equal(got, want)
    mean = PrecomputedTextEncoder(path, combine='mean')([[SKETCH, GLASS]])
    want = sum(encoder([s]).last_hidden_state[0].mean(0) for s in (SKETCH, GLASS)) / 2
    torch.testing.assert_close(mean.last_hidden_state[0, 0], want)
    assert precomputed.words(GLASS) == encoder.words(GLASS)
    # An adapter saves the features of an encoder that read a file.
    again = encode_text_prompts(precomputed, [GLASS])
    assert again['words'] == encode_text_prompts(encoder, [GLASS])['words']
    assert precomputed.half()([SKETCH]).last_hidden_state.dtype == torch.float16


def test_tokens_are_numbered_where_the_words_are_unknown(
    encoder: TransformersTextEncoder, path: str
) -> None:
    features = encode_text_prompts(encoder, ['a mural'])
    torch.save({k: v for k, v in features.items() if k != 'words'}, path)
    numbered = [Word(f'token {number}', 1) for number in (1, 2, 3, 4)]
    assert PrecomputedTextEncoder(path).words('a mural') == numbered
    assert RandomTextEncoder(8, num_tokens=4).words('a mural') == numbered
    # Features of another tokenizer replace those of the words.
    torch.save(features, path)
    precomputed = PrecomputedTextEncoder(path)
    words = precomputed.words_by_text_prompt
    precomputed.replace({'a mural': torch.randn(2, 384)}, words)
    assert precomputed.words('a mural') == numbered[:2]


def test_refuses_an_unknown_text_and_lists_known_ones(path: str) -> None:
    texts = [SKETCH, *(f'{i} cats' for i in range(30))]
    torch.save(encode_text_prompts(RandomTextEncoder(8), texts), path)
    with pytest.raises(ValueError) as error:
        PrecomputedTextEncoder(path)([[SKETCH, GLASS]])
    for part in (GLASS, SKETCH, path, 'and 11 more'):
        assert part in str(error.value)


BROKEN_WORDS = [
    [],
    [7],
    [['abc']],
    [[['a', 1, False, 3]]],
    [[['a', 'b', False]]],
    [[['a', 2, 0]]],
    [[[1, 2, False]]],
    [[['a', True, False]]],
    [[['a', -1, False], ['mural', 3, False]]],
]
MURAL = dict(text_prompts=['a mural'], last_hidden_state=[torch.ones(2, 8)])
UNEQUAL = [torch.ones(2, 3), torch.ones(2, 4)]


@pytest.mark.parametrize(
    ('content', 'error'),
    [
        (dict(state_dict={}), 'no text features'),
        (dict(text_prompts=[], last_hidden_state=[]), 'no text features'),
        (dict(text_prompts=['a', 'b'], last_hidden_state=UNEQUAL), 'no text features'),
        *((dict(MURAL, words=w), 'no words of its text prompts') for w in BROKEN_WORDS),
    ],
)
def test_refuses_files_without_features_or_with_broken_words(
    content: dict, error: str, path: str
) -> None:
    with pytest.raises(FileNotFoundError, match='precompute_text_features'):
        PrecomputedTextEncoder(path)
    torch.save(content, path)
    with pytest.raises(ValueError, match=f'holds {error}'):
        PrecomputedTextEncoder(path)
