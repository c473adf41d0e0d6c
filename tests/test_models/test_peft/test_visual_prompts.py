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


def test_defaults_tune_every_layer_deep_and_train_nothing_else() -> None:
    assert VisualPromptSettings.from_dict(None, 4) is None
    settings = VisualPromptSettings.from_dict(dict(num_tokens=5), 4)
    assert settings == VisualPromptSettings(5, deep=True, gate_init=None, start_layer=0)
    settings = dict(num_tokens=5, start_layer=3, gate_init=0)
    settings = VisualPromptSettings.from_dict(settings, 4)
    assert (settings.start_layer, settings.gate_init) == (3, 0)
    assert [count_trained_layers(None, tunes, 4) for tunes in (True, False)] == [0, None]
    assert [count_trained_layers(n, True, 4) for n in (0, 4)] == [0, 4]


START, TOKENS = r'start_layer must be an integer in \[0, 3\]', 'must be an integer of at'


@pytest.mark.parametrize(
    ('prompt', 'fault'),
    [
        (dict(num_token=5), "Unknown keys .'num_token'.*known are .'num_tokens', 'deep'"),
        (dict(), 'lacks num_tokens'),
        *((dict(num_tokens=n), f'num_tokens {TOKENS} least 1') for n in (0, 2.5, True)),
        (dict(num_tokens=5, deep='shallow'), 'deep must be a bool'),
        (dict(num_tokens=5, deep=False, gate_init=0.0), 'gate_init needs deep prompts'),
        *((dict(num_tokens=5, start_layer=n), START) for n in (4, -1, 1.0)),
    ],
)
def test_bad_prompts_are_refused(prompt: dict, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        VisualPromptSettings.from_dict(prompt, 4)


@pytest.mark.parametrize('trained_layers', [-1, 5, 1.5, True])
def test_bad_trained_layers_are_refused(trained_layers: float) -> None:
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
    qkv, tokens = nn.Linear(12, 36, bias=bias), torch.randn(5, 12)
    _, *want = (part.view(5, 3, 4).transpose(0, 1) for part in qkv(tokens).chunk(3, -1))
    got = prefix_keys_values(qkv, tokens, num_heads=3)
    torch.testing.assert_close(got, torch.stack(want))
