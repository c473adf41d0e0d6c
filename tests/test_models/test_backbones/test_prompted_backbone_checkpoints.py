"""Checkpoints of prompted forms of MMPose's backbones, and of the original ones."""

import copy

import pytest
import torch
from mmengine.runner.checkpoint import load_state_dict
from torch import nn

from tests.test_models.test_backbones import tiny

every_kind = pytest.mark.parametrize('kind', tiny.KINDS)


@every_kind
def test_init_weights_leaves_prompts_as_they_are(kind: str) -> None:
    model = tiny.build(kind, dict(num_tokens=3))
    before = copy.deepcopy(model.state_dict())
    model.init_weights()
    after = model.state_dict()
    same = {name for name in after if torch.equal(after[name], before[name])}
    assert {name for name in after if name.startswith('visual_prompt')} <= same
    assert not all(name in same for name, _ in model.named_parameters())


@torch.no_grad()
@every_kind
def test_loads_its_own_checkpoint(kind: str) -> None:
    prompt = dict(num_tokens=3, start_layer=1, gate_init=0.5)
    model = tiny.build(kind, prompt)
    other = tiny.build(kind, prompt)
    load_state_dict(other, model.state_dict(), strict=True)
    x = tiny.image(kind)
    assert torch.equal(other(x)[0], model(x)[0])


def without(*ends: str) -> callable:
    def cut(weights: dict) -> dict:
        return {k: v for k, v in weights.items() if not k.endswith(ends)}

    return cut


@every_kind
def test_loads_checkpoints_without_what_follows_from_the_config(kind: str) -> None:
    original = tiny.build_original(kind).requires_grad_(False)
    weights = without('relative_position_index', 'num_batches_tracked')(
        original.state_dict()
    )
    weights = {f'backbone.{name}': tensor for name, tensor in weights.items()}
    model = nn.ModuleDict(dict(backbone=tiny.build(kind, dict(num_tokens=3))))
    load_state_dict(model, weights)
    x = tiny.image(kind)
    assert torch.equal(model['backbone'](x, tuned=False)[0], original(x)[0])


def renamed(weights: dict) -> dict:
    return {f'other.{name}': tensor for name, tensor in weights.items()}


def widened(weights: dict) -> dict:
    return {name: torch.cat([tensor, tensor]) for name, tensor in weights.items()}


@every_kind
@pytest.mark.parametrize(
    ('change', 'fault'),
    [
        (renamed, 'fits no part'),
        (widened, 'has shape'),
        (without('norm1.bias'), 'norm1.bias is missing'),
        (without('visual_prompt_gates'), 'visual_prompt_gates is missing'),
        (without('visual_prompts.1'), 'visual_prompts.1 is missing'),
        (
            lambda w: {**w, 'visual_prompts.7': w['visual_prompts.0']},
            'visual_prompts.7 has no place',
        ),
    ],
)
def test_refuses_a_checkpoint_that_does_not_fit(
    kind: str, change: callable, fault: str
) -> None:
    model = tiny.build(kind, dict(num_tokens=3, gate_init=0.5))
    weights = {k: v for k, v in model.state_dict().items() if v.ndim}
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match=fault):
        load_state_dict(model, change(weights))
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])
