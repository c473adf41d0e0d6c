"""What every text encoder does: distinct texts, the cache, the dtype."""

import pytest
import torch
from torch import Tensor, nn

from vlpose_mm.models.text_encoders import TextEncoder


class LetterEncoder(TextEncoder):
    """A token per letter: its code, and its position in the text."""

    def __init__(self, combine: str = 'concat') -> None:
        super().__init__(2, combine)
        self.asked = []

    def encode(self, texts: list[str]) -> list[Tensor]:
        self.asked.append(texts)
        states = [list(zip(map(ord, s), range(len(s)), strict=True)) for s in texts]
        return [torch.tensor(s, dtype=torch.float32) for s in states]


@pytest.mark.fast
def test_distinct_text_prompts_are_packed_once_each() -> None:
    text = LetterEncoder()(['ab', ['b', 'abc'], ['ab'], 'c', ('b', 'abc')])
    assert text.index.tolist() == [0, 1, 0, 2, 1]
    assert text.attention_mask.sum(1).tolist() == [2, 4, 1]
    assert text.last_hidden_state.shape == (3, 4, 2)
    assert text.last_hidden_state[1].tolist() == [[98, 0], [97, 0], [98, 1], [99, 2]]
    assert text.last_hidden_state[~text.attention_mask].eq(0).all()
    mean = LetterEncoder('mean')(['ab', ['ab', 'd']])
    assert mean.last_hidden_state.tolist() == [[[97.5, 0.5]], [[98.75, 0.25]]]
    assert mean.attention_mask.tolist() == [[True], [True]]


@pytest.mark.fast
def test_the_tokens_of_a_mixture_count_by_the_share_of_their_text() -> None:
    mixture = {'ab': 0.75, 'c': 0.25}
    text = LetterEncoder()(['abcd', mixture, ['ab', 'c'], mixture])
    assert text.index.tolist() == [0, 1, 2, 1]
    assert torch.equal(text.last_hidden_state[1], text.last_hidden_state[2])
    shares = [[1, 1, 1, 1], [0.75, 0.75, 0.25, 0], [1, 1, 1, 0]]
    assert text.shares.tolist() == text.weights.tolist() == shares
    assert LetterEncoder()(['abcd', ['ab', 'c']]).shares is None
    mean = LetterEncoder('mean')([mixture])
    assert mean.last_hidden_state.tolist() == [[[97.875, 0.375]]] and mean.shares is None


@pytest.mark.fast
def test_only_new_texts_are_encoded_and_those_used_last_are_cached() -> None:
    encoder = LetterEncoder()
    for prompts in ([['a', 'b'], 'b', 'c'], ['d', ['c', 'e'], 'a'], ['e']):
        encoder(prompts)
    assert encoder.asked == [['a', 'b', 'c'], ['d', 'e']]
    encoder = LetterEncoder()
    encoder.cache_size = 3
    encoder(['a', 'b', 'c'])
    encoder(['a'])
    assert len(encoder(list('defgh')).last_hidden_state) == 5  # More than are cached.
    assert list(encoder._cache) == ['f', 'g', 'h']
    encoder(['f'])
    encoder(['i'])
    assert list(encoder._cache) == ['h', 'f', 'i']


def test_states_cached_in_inference_mode_serve_training() -> None:
    encoder, layer = LetterEncoder(), nn.Linear(2, 1)
    with torch.inference_mode():
        encoder(['ab'])
    layer(encoder(['ab']).last_hidden_state).sum().backward()
    assert layer.weight.grad.tolist() == [[97 + 98, 1]] and encoder.asked == [['ab']]
    with torch.no_grad():
        encoder(['c'])
        assert not torch.is_grad_enabled()


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float64])
def test_states_have_the_dtype_of_the_estimator(dtype: torch.dtype) -> None:
    estimator = nn.ModuleDict(dict(text_encoder=LetterEncoder()))
    for wanted in (torch.float32, dtype, torch.float32):
        states = estimator.to(wanted)['text_encoder'](['ab']).last_hidden_state
        assert states.dtype == wanted


@pytest.mark.parametrize(
    'prompts', [[], [''], ['a cat', ' '], [None], [[]], [['a cat', '']], [3], [[3]]]
)
def test_refuses_empty_text_prompts_and_an_unknown_combine(prompts: list) -> None:
    with pytest.raises(ValueError, match='empty|must be text'):
        LetterEncoder()(prompts)
    with pytest.raises(ValueError, match="Unknown combine 'sum'.*'concat', 'mean'"):
        LetterEncoder('sum')
