"""PromptedVisionTransformer against independent formulas."""

import copy
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from mmengine.runner.checkpoint import load_state_dict
from mmpose.registry import MODELS
from torch import Tensor

from tests.conftest import BACKBONE


def build(**kwargs) -> torch.nn.Module:
    """Build the small backbone with random weights in every place."""
    model = MODELS.build({**copy.deepcopy(BACKBONE), **kwargs})
    for param in model.parameters():
        torch.nn.init.normal_(param.data, std=0.1)
    return model


def layer_norm(x: Tensor, weights: dict, name: str) -> Tensor:
    x = x - x.mean(-1, keepdim=True)
    x = x / (x.pow(2).mean(-1, keepdim=True) + 1e-6).sqrt()
    return x * weights[f'{name}.weight'] + weights[f'{name}.bias']


def linear(x: Tensor, weights: dict, name: str) -> Tensor:
    return x @ weights[f'{name}.weight'].T + weights[f'{name}.bias']


def plain_vit(model: torch.nn.Module, image: Tensor, prompts: list) -> Tensor:
    """The ViT as textbooks write it, with prompts pushed through every layer.

    ``prompts``: tokens put in front before each layer, or None to keep what is there.
    """
    w = model.state_dict()
    x = F.conv2d(
        image,
        w['patch_embed.projection.weight'],
        w['patch_embed.projection.bias'],
        stride=16,
        padding=2,
    )
    B, C, height, width = x.shape
    patches = height * width
    x = x.flatten(2).transpose(1, 2) + w['pos_embed']
    for i, tokens in enumerate(prompts):
        if tokens is not None:
            x = torch.cat([tokens.expand(B, -1, -1), x[:, -patches:]], dim=1)
        y = layer_norm(x, w, f'layers.{i}.ln1')
        y = linear(y, w, f'layers.{i}.attn.qkv')
        heads = []
        for head in range(4):
            q, k, v = (
                y[..., part * C + head * 8 : part * C + head * 8 + 8] for part in range(3)
            )
            heads.append((q @ k.transpose(1, 2) / 8**0.5).softmax(-1) @ v)
        y = torch.cat(heads, dim=-1)
        x = x + linear(y, w, f'layers.{i}.attn.proj')
        y = F.gelu(
            linear(layer_norm(x, w, f'layers.{i}.ln2'), w, f'layers.{i}.ffn.layers.0.0')
        )
        x = x + linear(y, w, f'layers.{i}.ffn.layers.1')
    x = layer_norm(x, w, 'ln1')[:, -patches:]
    return x.transpose(1, 2).reshape(B, C, height, width)


@pytest.mark.fast
@pytest.mark.parametrize('mode', ['plain', 'deep', 'shallow'])
def test_equals_textbook_vit_with_prompts_pushed_through(mode: str) -> None:
    prompt = None if mode == 'plain' else dict(num_tokens=5, deep=mode == 'deep')
    model = build(visual_prompt=prompt).eval()
    prompts = [None] * 3
    if mode == 'deep':
        prompts = list(model.visual_prompts)
    elif mode == 'shallow':
        prompts = [model.visual_prompts[0], None, None]
    image = torch.randn(2, 3, 128, 96)
    (got,) = model(image)
    assert got.shape == (2, 32, 8, 6)
    torch.testing.assert_close(got, plain_vit(model, image, prompts), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize('deep', [True, False])
def test_prompts_join_at_start_layer_and_layers_before_have_no_graph(deep: bool) -> None:
    model = build(visual_prompt=dict(num_tokens=5, deep=deep, start_layer=1)).eval()
    assert model.visual_prompts.shape == (2 if deep else 1, 5, 32)
    outputs = []
    for layer in model.layers:
        layer.register_forward_hook(lambda layer, args, output: outputs.append(output))
    image = torch.randn(2, 3, 128, 96)
    (got,) = model(image)
    prompts = [None, model.visual_prompts[0], model.visual_prompts[1] if deep else None]
    torch.testing.assert_close(got, plain_vit(model, image, prompts), atol=1e-5, rtol=1e-5)
    assert [output.requires_grad for output in outputs] == [False, True, True]
    assert [output.shape[1] for output in outputs] == [48, *[48 if deep else 53] * 2]
    got.square().sum().backward()
    assert (model.visual_prompts.grad.abs().sum((1, 2)) > 0).all()


def test_gates_count_from_start_layer() -> None:
    model = build(visual_prompt=dict(num_tokens=5, gate_init=0.5, start_layer=2)).eval()
    assert model.visual_prompt_gates.shape == (1,)
    weights = copy.deepcopy(model.state_dict())
    model.visual_prompt_gates.data.fill_(0.0)
    image = torch.randn(2, 3, 128, 96)
    assert torch.equal(model(image)[0], model(image, tuned=False)[0])
    model.load_state_dict(weights)
    assert not torch.equal(model(image)[0], model(image, tuned=False)[0])


@pytest.mark.parametrize('deep', [True, False])
def test_without_prompts_equals_the_plain_vit_exactly(deep: bool) -> None:
    model = build(visual_prompt=dict(num_tokens=5, deep=deep)).eval()
    plain = build().eval()
    plain.load_state_dict(model.state_dict(), strict=False)
    image = torch.randn(2, 3, 128, 96)
    assert torch.equal(model(image, tuned=False)[0], plain(image)[0])
    assert not torch.equal(model(image)[0], plain(image)[0])


def test_prompts_alone_are_trained_and_frozen_layers_never_drop_paths() -> None:
    model = build(visual_prompt=dict(num_tokens=5)).train()
    trained = [name for name, p in model.named_parameters() if p.requires_grad]
    assert trained == ['visual_prompts']
    image = torch.randn(2, 3, 128, 96)
    assert torch.equal(model(image)[0], model(image)[0])
    model(image)[0].square().sum().backward()
    assert (model.visual_prompts.grad.abs().sum((1, 2)) > 0).all()

    plain = build().train()
    assert not torch.equal(plain(image)[0], plain(image)[0])


def test_frozen_embeddings_never_drop_out() -> None:
    image = torch.randn(1, 3, 128, 96)
    for frozen_stages, same in ((3, True), (-1, False)):
        model = build(
            drop_rate=0.3, drop_path_rate=0.0, frozen_stages=frozen_stages
        ).train()
        assert torch.equal(model(image)[0], model(image)[0]) == same


def test_gated_prompts_start_exactly_at_the_plain_vit_and_end_as_ungated_ones() -> None:
    gated = MODELS.build(
        dict(copy.deepcopy(BACKBONE), visual_prompt=dict(num_tokens=5, gate_init=0.0))
    ).eval()
    image = torch.randn(2, 3, 128, 96)
    (got,) = gated(image)
    assert torch.equal(got, gated(image, tuned=False)[0])
    got.square().sum().backward()
    assert (gated.visual_prompt_gates.grad != 0).all()

    gated.visual_prompt_gates.data.fill_(1.0)
    ungated = build(visual_prompt=dict(num_tokens=5)).eval()
    weights = {k: v for k, v in gated.state_dict().items() if k != 'visual_prompt_gates'}
    ungated.load_state_dict(weights)
    torch.testing.assert_close(gated(image)[0], ungated(image)[0], atol=1e-5, rtol=1e-5)


def test_takes_init_cfg_lists_and_patch_cfgs_of_its_own_stride() -> None:
    model = build(
        init_cfg=[dict(type='Constant', layer='Linear', val=0.5)],
        patch_cfg=dict(stride=8, padding=4),
    )
    model.init_weights()
    assert model.layers[0].attn.proj.weight.eq(0.5).all()
    assert model.eval()(torch.randn(1, 3, 128, 96))[0].shape == (1, 32, 16, 12)


def test_frozen_stages_freeze_the_first_layers() -> None:
    model = build(frozen_stages=2).train()
    trained = {
        name.split('.')[0] for name, p in model.named_parameters() if p.requires_grad
    }
    assert trained == {'layers', 'ln1'}
    assert [layer.training for layer in model.layers] == [False, False, True]


@pytest.mark.parametrize('prompt', [None, dict(num_tokens=5)])
@pytest.mark.parametrize(
    ('trained_layers', 'starts'),
    [
        (0, ()),
        (1, ('layers.2.', 'ln1.')),
        (3, ('layers.', 'ln1.')),
        (None, ('',)),
    ],
)
def test_trained_layers_counts_from_the_end(
    prompt: dict | None, trained_layers: int | None, starts: tuple[str, ...]
) -> None:
    model = build(visual_prompt=prompt, trained_layers=trained_layers)
    if prompt is not None:
        starts = (
            ('visual_prompts', *starts)
            if trained_layers is not None
            else ('visual_prompts',)
        )
    for name, param in model.named_parameters():
        assert param.requires_grad == name.startswith(starts)
    assert model.train() is model
    training = [i for i, layer in enumerate(model.layers) if layer.training]
    count = trained_layers if trained_layers is not None else 0 if prompt else 3
    assert training == list(range(3 - count, 3))


def test_out_channels_are_those_of_the_feature_map() -> None:
    model = build().eval()
    assert model.out_channels == model(torch.randn(1, 3, 128, 96))[0].shape[1] == 32


def test_serves_other_input_sizes_than_its_own() -> None:
    (feature_map,) = build(visual_prompt=dict(num_tokens=5)).eval()(
        torch.randn(1, 3, 160, 96)
    )
    assert feature_map.shape == (1, 32, 10, 6)


@pytest.mark.parametrize(
    ('kwargs', 'message'),
    [
        (dict(arch='giant'), "Unknown arch 'giant'"),
        (dict(arch=dict(embed_dims=8)), 'arch lacks'),
        (dict(out_type='cls_token'), 'featmap'),
        (dict(with_cls_token=True), 'with_cls_token'),
        (dict(frozen_stages=4), 'frozen_stages'),
        (dict(frozen_stages=2, trained_layers=1), 'both say what is frozen'),
        (dict(trained_layers=4), r'trained_layers must be an integer in \[0, 3\]'),
        (dict(visual_prompt=dict(num_tokens=5, start_layer=3)), 'start_layer'),
        (dict(arch=dict(BACKBONE['arch'], num_heads=5)), 'num_heads=5 does not divide'),
    ],
)
def test_refuses_arguments_that_no_vitpose_has(kwargs: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(**kwargs)


@pytest.mark.parametrize(
    ('arch', 'millions'),
    [('small', 21.7), ('base', 85.8), ('large', 303.3), ('h', 630.8)],
)
def test_named_archs_have_the_published_sizes(arch: str, millions: float) -> None:
    with torch.device('meta'):
        model = MODELS.build(dict(type='PromptedVisionTransformer', arch=arch))
    count = sum(p.numel() for p in model.parameters()) / 1e6
    assert count == pytest.approx(millions, abs=0.2)


def test_takes_a_class_token_row_and_drops_it() -> None:
    source, target = build(), build(visual_prompt=dict(num_tokens=5))
    weights = source.state_dict()
    weights['cls_token'] = torch.randn(1, 1, 32)
    weights['pos_embed'] = torch.cat([torch.randn(1, 1, 32), weights['pos_embed']], dim=1)
    target.load_state_dict(weights, strict=False)
    image = torch.randn(1, 3, 128, 96)
    assert torch.equal(target.eval()(image, tuned=False)[0], source.eval()(image)[0])


@pytest.mark.parametrize(
    ('rows', 'source'), [(12, (4, 3)), (192, (16, 12)), (36, (6, 6)), (197, (14, 14))]
)
def test_interpolates_position_embeddings_of_other_sizes(
    rows: int, source: tuple[int, int]
) -> None:
    model = build()
    weights = model.state_dict()
    table = torch.randn(1, rows, 32)
    weights['pos_embed'] = table
    model.load_state_dict(weights)
    grid = table[:, -source[0] * source[1] :].reshape(1, *source, 32)
    grid = F.interpolate(
        grid.permute(0, 3, 1, 2), size=(8, 6), mode='bicubic', align_corners=False
    )
    torch.testing.assert_close(
        model.pos_embed.data, grid.permute(0, 2, 3, 1).reshape(1, 48, 32)
    )


def other(**arch) -> dict:
    """Weights of another architecture."""
    return build(arch={**BACKBONE['arch'], **arch}).state_dict()


def cut() -> dict:
    weights = build().state_dict()
    del weights['layers.2.ln2.bias']
    return weights


@pytest.mark.parametrize(
    ('weights', 'fault'),
    [
        (lambda: other(embed_dims=64), 'has shape'),
        (lambda: other(num_layers=4), 'layers.3.* has no place'),
        (cut, 'layers.2.ln2.bias is missing'),
        (lambda: dict(foo=torch.zeros(1)), 'fits no part'),
    ],
)
def test_refuses_a_checkpoint_that_does_not_fit(weights: Callable, fault: str) -> None:
    model = build()
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match=fault):
        load_state_dict(model, weights())
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_a_checkpoint_without_final_norm_fits_as_mae_has_none() -> None:
    weights = build().state_dict()
    weights = {k: v for k, v in weights.items() if not k.startswith('ln1.')}
    model = build()
    model.load_state_dict(weights, strict=False)
    assert torch.equal(model.pos_embed, weights['pos_embed'])
