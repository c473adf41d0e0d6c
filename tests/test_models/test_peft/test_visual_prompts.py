"""What a prompt config may say; the same for every backbone."""

import pytest
import torch
from torch import nn

from vlpose_mm.models.peft.visual_prompts import (
    VisualPromptSettings,
    count_trained_layers,
    make_prompts,
    prefix_keys_values,
)


def test_reads_a_prompt_and_its_defaults() -> None:
    assert VisualPromptSettings.from_dict(None, 4) is None
    settings = VisualPromptSettings.from_dict(dict(num_tokens=5), 4)
    assert settings == VisualPromptSettings(5, deep=True, gate_init=None, start_layer=0)
    settings = VisualPromptSettings.from_dict(
        dict(num_tokens=5, start_layer=3, gate_init=0), 4
    )
    assert (settings.start_layer, settings.gate_init) == (3, 0)


@pytest.mark.parametrize(
    ('prompt', 'message'),
    [
        (dict(num_token=5), "Unknown keys .'num_token'.*known are .'num_tokens', 'deep'"),
        (dict(), 'lacks num_tokens'),
        (dict(num_tokens=0), 'num_tokens must be an integer of at least 1'),
        (dict(num_tokens=2.5), 'num_tokens must be an integer of at least 1'),
        (dict(num_tokens=True), 'num_tokens must be an integer of at least 1'),
        (dict(num_tokens=5, deep='shallow'), 'deep must be True or False'),
        (dict(num_tokens=5, deep=False, gate_init=0.0), 'gate_init needs deep prompts'),
        (dict(num_tokens=5, start_layer=4), r'start_layer must be an integer in \[0, 3\]'),
        (dict(num_tokens=5, start_layer=-1), r'start_layer must be an integer in \[0, 3\]'),
        (
            dict(num_tokens=5, start_layer=1.0),
            r'start_layer must be an integer in \[0, 3\]',
        ),
    ],
)
def test_refuses_a_bad_prompt(prompt: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        VisualPromptSettings.from_dict(prompt, 4)


@pytest.mark.parametrize(
    ('trained_layers', 'prompted', 'settled'),
    [(None, True, 0), (None, False, None), (0, False, 0), (4, True, 4)],
)
def test_trains_nothing_beside_prompts_by_default_and_everything_without(
    trained_layers: int | None, prompted: bool, settled: int | None
) -> None:
    assert count_trained_layers(trained_layers, prompted, 4) == settled


@pytest.mark.parametrize('trained_layers', [-1, 5, 1.5, True])
def test_refuses_more_trained_layers_than_there_are(trained_layers: float) -> None:
    with pytest.raises(ValueError, match=r'trained_layers must be an integer in \[0, 4\]'):
        count_trained_layers(trained_layers, True, 4)


def test_prompts_start_in_the_xavier_bound_of_the_stem() -> None:
    prompts = make_prompts(4, 50, 100, nn.Conv2d(3, 8, 4))
    assert prompts.shape == (4, 50, 100) and prompts.requires_grad
    bound = (6 / (3 * 4 * 4 + 100)) ** 0.5
    assert prompts.abs().max() <= bound
    assert prompts.std().item() == pytest.approx(bound / 3**0.5, rel=0.02)


@pytest.mark.parametrize('bias', [True, False])
def test_keys_and_values_of_a_prefix_are_those_of_tokens(bias: bool) -> None:
    qkv = nn.Linear(12, 36, bias=bias)
    tokens = torch.randn(5, 12)
    _, k, v = qkv(tokens).split(12, dim=-1)
    got_k, got_v = prefix_keys_values(qkv, tokens, num_heads=3)
    for head in range(3):
        part = slice(head * 4, head * 4 + 4)
        torch.testing.assert_close(got_k[head], k[:, part])
        torch.testing.assert_close(got_v[head], v[:, part])
