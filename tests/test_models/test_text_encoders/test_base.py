"""What every text encoder does: prompts of several text prompts, the cache, the dtype."""

import pytest
import torch
from torch import Tensor, nn

from vlpose_mm.models.text_encoders.base import TextEncoder


class LetterEncoder(TextEncoder):
    """A token per letter: its code, and its place in the text prompt."""

    def __init__(self, combine: str = 'concat') -> None:
        super().__init__(2, combine)
        self.asked = []

    def encode(self, text_prompts: list[str]) -> list[Tensor]:
        self.asked.append(text_prompts)
        states = [list(zip(map(ord, s), range(len(s)), strict=True)) for s in text_prompts]
        return [torch.tensor(s, dtype=torch.float32) for s in states]


def test_prompts_are_told_apart_once_each() -> None:
    text = LetterEncoder()(['ab', ['b', 'abc'], ['ab'], 'c', ('b', 'abc')])
    assert text.index.tolist() == [0, 1, 0, 2, 1]
    assert text.attention_mask.sum(1).tolist() == [2, 4, 1]
    assert text.last_hidden_state.shape == (3, 4, 2)
    assert text.last_hidden_state[1].tolist() == [[98, 0], [97, 0], [98, 1], [99, 2]]
    assert text.last_hidden_state[~text.attention_mask].eq(0).all()


def test_mean_averages_each_text_prompt_and_then_the_text_prompts() -> None:
    text = LetterEncoder('mean')(['ab', ['ab', 'd']])
    assert text.last_hidden_state.tolist() == [[[97.5, 0.5]], [[98.75, 0.25]]]
    assert text.attention_mask.tolist() == [[True], [True]]


def test_only_new_text_prompts_are_encoded_all_at_once() -> None:
    encoder = LetterEncoder()
    encoder([['a', 'b'], 'b', 'c'])
    encoder(['d', ['c', 'e'], 'a'])
    encoder(['e'])
    assert encoder.asked == [['a', 'b', 'c'], ['d', 'e']]


def test_the_text_prompts_used_last_are_remembered_and_no_more() -> None:
    encoder = LetterEncoder()
    encoder.cache_size = 3
    encoder(['a', 'b', 'c'])
    encoder(['a'])
    assert len(encoder(list('defgh')).last_hidden_state) == 5  # More than are cached.
    assert list(encoder._cache) == ['f', 'g', 'h']
    encoder(['f'])
    encoder(['i'])
    assert list(encoder._cache) == ['h', 'f', 'i']


def test_what_is_remembered_in_inference_mode_serves_training() -> None:
    encoder, layer = LetterEncoder(), nn.Linear(2, 1)
    with torch.inference_mode():
        encoder(['ab'])
    layer(encoder(['ab']).last_hidden_state).sum().backward()
    assert layer.weight.grad.tolist() == [[97 + 98, 1]]
    assert encoder.asked == [['ab']]
    with torch.no_grad():
        encoder(['c'])
        assert not torch.is_grad_enabled()


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float64])
def test_states_follow_the_dtype_of_the_estimator(dtype: torch.dtype) -> None:
    estimator = nn.ModuleDict(dict(text_encoder=LetterEncoder()))
    encoder = estimator['text_encoder']
    assert encoder(['ab']).last_hidden_state.dtype == torch.float32
    estimator.to(dtype)
    assert encoder(['ab']).last_hidden_state.dtype == dtype
    estimator.float()
    assert encoder(['ab']).last_hidden_state.dtype == torch.float32


@pytest.mark.parametrize(
    'prompts', [[], [''], ['a cat', ' '], [None], [[]], [['a cat', '']], [3], [[3]]]
)
def test_refuses_prompts_without_words(prompts: list) -> None:
    with pytest.raises(ValueError, match='empty|must be text'):
        LetterEncoder()(prompts)


def test_refuses_an_unknown_way_to_combine() -> None:
    with pytest.raises(ValueError, match="Unknown combine 'sum'.*'concat', 'mean'"):
        LetterEncoder('sum')
