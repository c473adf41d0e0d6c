"""What is trained and what is frozen in prompted forms of MMPose's backbones."""

import copy

import pytest
import torch
from torch import nn

from tests.test_models.test_backbones import tiny

every_kind = pytest.mark.parametrize('kind', tiny.KINDS)
# Where the parameters of the last layer and of what follows it lie.
LAST = {
    'swin': ('stages.1.blocks.1.', 'norm1.'),
    'pvt': ('layers.1.1.2.', 'layers.1.2.'),
    'pvtv2': ('layers.3.1.1.', 'layers.3.2.'),
    'hrformer': (
        *(f'stage4.1.branches.{branch}.1.' for branch in range(4)),
        'stage4.1.fuse_layers.',
    ),
}


def trained(model: nn.Module) -> set[str]:
    return {name for name, param in model.named_parameters() if param.requires_grad}


@every_kind
@pytest.mark.parametrize('prompt', [None, dict(num_tokens=3)], ids=['plain', 'prompted'])
def test_trained_layers_counts_from_the_end(kind: str, prompt: dict | None) -> None:
    prompts = set() if prompt is None else {f'visual_prompts.{i}' for i in range(9)}
    original = {name for name, _ in tiny.build_original(kind).named_parameters()}
    default = trained(tiny.build(kind, prompt)) - prompts
    assert default == (original if prompt is None else set())
    assert trained(tiny.build(kind, prompt, trained_layers=0)) <= prompts

    model = tiny.build(kind, prompt, trained_layers=1).train()
    names = trained(model) - prompts
    assert names == {name for name in original if name.startswith(LAST[kind])}
    model(tiny.image(kind))[0].square().sum().backward()
    assert all(
        param.grad is not None for param in model.parameters() if param.requires_grad
    )

    count = tiny.NUM_LAYERS[kind]
    names = trained(tiny.build(kind, prompt, trained_layers=count)) - prompts
    stem = original - names
    assert stem and all(
        name.startswith(('patch_embed', 'layers.0.0', 'layers.0.1.0.pos', 'conv', 'bn'))
        or name.startswith(('layer1.', 'transition1.'))
        for name in stem
    )
    with pytest.raises(ValueError, match=rf'trained_layers must be .* \[0, {count}\]'):
        tiny.build(kind, prompt, trained_layers=count + 1)


@every_kind
def test_frozen_parts_stay_in_eval_mode(kind: str) -> None:
    for kwargs in (dict(visual_prompt=dict(num_tokens=3)), dict(trained_layers=0)):
        model = tiny.build(kind, **kwargs)
        assert model.train() is model and model.training
        modules = [
            m for n, m in model.named_modules() if n and not n.startswith('visual_prompt')
        ]
        assert not any(module.training for module in modules)
        x = tiny.image(kind)
        before = copy.deepcopy(model.state_dict())
        assert torch.equal(model(x)[0], model(x)[0])
        for name, tensor in model.state_dict().items():
            assert torch.equal(tensor, before[name])
        assert model.eval() is model and not model.training

    model = tiny.build(kind, dict(num_tokens=3), trained_layers=1).train()
    for name, module in model.named_modules():
        holds_trained = any(start.startswith(f'{name}.') for start in LAST[kind])
        if name and not holds_trained and not name.startswith('visual_prompt'):
            assert module.training == f'{name}.'.startswith(LAST[kind]), name
    assert not torch.equal(model(x)[0], model(x)[0])

    original = tiny.build(kind).train()
    assert all(module.training for module in original.modules())


@pytest.mark.parametrize('kind', ['swin', 'hrformer'])
@pytest.mark.parametrize(
    'kwargs', [dict(visual_prompt=dict(num_tokens=3)), dict(trained_layers=1)]
)
def test_refuses_frozen_stages_beside_what_says_what_is_frozen(
    kind: str, kwargs: dict
) -> None:
    with pytest.raises(ValueError, match='frozen_stages=1 goes neither'):
        tiny.build(kind, frozen_stages=1, **kwargs)
