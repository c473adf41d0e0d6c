"""PromptedVisionTransformer against independent formulas."""

import copy

import pytest
import torch
import torch.nn.functional as F
from mmengine.runner.checkpoint import load_state_dict
from mmpose.registry import MODELS
from torch import Tensor, nn

from tests.conftest import BACKBONE

PROMPT = dict(num_tokens=5)


def build(**kwargs) -> nn.Module:
    """Build the small backbone with random weights in every place, in eval mode."""
    model = MODELS.build({**copy.deepcopy(BACKBONE), **kwargs})
    for param in model.parameters():
        nn.init.normal_(param.data, std=0.1)
    return model.eval()


@pytest.fixture
def image() -> Tensor:
    return torch.randn(2, 3, 128, 96)


def textbook_vit(model: nn.Module, image: Tensor, prompts: list) -> Tensor:
    """The ViT as textbooks write it, with prompts pushed through every layer.

    ``prompts``: tokens put in front before each layer, or None to keep what is there.
    """
    w = model.state_dict()

    def linear(x: Tensor, name: str) -> Tensor:
        return x @ w[f'{name}.weight'].T + w[f'{name}.bias']

    def layer_norm(x: Tensor, name: str) -> Tensor:
        x = x - x.mean(-1, keepdim=True)
        x = x / (x.pow(2).mean(-1, keepdim=True) + 1e-6).sqrt()
        return x * w[f'{name}.weight'] + w[f'{name}.bias']

    stem = (w[f'patch_embed.projection.{name}'] for name in ('weight', 'bias'))
    x = F.conv2d(image, *stem, stride=16, padding=2)
    B, C, height, width = x.shape
    patches = height * width
    x = x.flatten(2).transpose(1, 2) + w['pos_embed']
    for i, tokens in enumerate(prompts):
        if tokens is not None:
            x = torch.cat([tokens.expand(B, -1, -1), x[:, -patches:]], dim=1)
        y = linear(layer_norm(x, f'layers.{i}.ln1'), f'layers.{i}.attn.qkv')
        q, k, v = (part.split(8, dim=-1) for part in y.split(C, dim=-1))
        heads = [
            (q[head] @ k[head].transpose(1, 2) / 8**0.5).softmax(-1) @ v[head]
            for head in range(4)
        ]
        x = x + linear(torch.cat(heads, dim=-1), f'layers.{i}.attn.proj')
        y = linear(layer_norm(x, f'layers.{i}.ln2'), f'layers.{i}.ffn.layers.0.0')
        x = x + linear(F.gelu(y), f'layers.{i}.ffn.layers.1')
    x = layer_norm(x, 'ln1')[:, -patches:]
    return x.transpose(1, 2).reshape(B, C, height, width)


@pytest.mark.fast
@pytest.mark.parametrize('start', [0, 1])
@pytest.mark.parametrize('mode', ['plain', 'deep', 'shallow'])
def test_equals_the_textbook_vit_with_prompts_pushed_through(
    mode: str, start: int, image: Tensor
) -> None:
    deep, prompt = mode == 'deep', None
    if mode != 'plain':
        prompt = dict(num_tokens=5, deep=deep, start_layer=start)
    model, plain = build(visual_prompt=prompt), build()
    outputs, prompts = [], [None] * 3
    if prompt is not None:
        assert model.visual_prompts.shape == (3 - start if deep else 1, 5, 32)
        prompts[start : None if deep else start + 1] = model.visual_prompts
    for layer in model.layers:
        layer.register_forward_hook(lambda layer, args, output: outputs.append(output))
    (got,) = model(image)
    assert got.shape == (2, 32, 8, 6) and model.out_channels == 32
    want = textbook_vit(model, image, prompts)
    torch.testing.assert_close(got, want, atol=1e-5, rtol=1e-5)
    plain.load_state_dict(model.state_dict(), strict=False)
    assert torch.equal(model(image, tuned=False)[0], plain(image)[0])
    if prompt is not None:
        # Layers before have no graph.
        assert [output.requires_grad for output in outputs[:3]] == [
            i >= start for i in range(3)
        ]
        got.square().sum().backward()
        assert (model.visual_prompts.grad.abs().sum((1, 2)) > 0).all()
        assert not torch.equal(got, plain(image)[0])


def test_returns_the_layers_of_out_indices_and_stops_behind_them(image: Tensor) -> None:
    model, outputs = build(out_indices=(1, 0)), []
    for layer in model.layers:
        layer.register_forward_hook(lambda layer, args, output: outputs.append(output))
    second, first = model(image)
    assert len(outputs) == 2
    for got, output in ((first, outputs[0]), (second, outputs[1])):
        want = model.ln1(output).transpose(1, 2).reshape(2, 32, 8, 6)
        assert torch.equal(got, want)


def mmpretrain_vit(model: nn.Module, image: Tensor) -> Tensor:
    """The ViT of ViTPose in the operations of mmpretrain 1.2, in their order."""
    w = model.state_dict()

    def linear(x: Tensor, name: str) -> Tensor:
        return F.linear(x, w[f'{name}.weight'], w[f'{name}.bias'])

    def layer_norm(x: Tensor, name: str) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], w[f'{name}.weight'], w[f'{name}.bias'], 1e-6)

    stem = (w[f'patch_embed.projection.{name}'] for name in ('weight', 'bias'))
    x = F.conv2d(image, *stem, stride=16, padding=2)
    B, C, height, width = x.shape
    x = x.flatten(2).transpose(1, 2) + w['pos_embed']
    for i in range(3):
        qkv = linear(layer_norm(x, f'layers.{i}.ln1'), f'layers.{i}.attn.qkv')
        qkv = qkv.reshape(B, -1, 3, 4, C // 4).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(*qkv).transpose(1, 2).reshape(B, -1, C)
        x = x + linear(y, f'layers.{i}.attn.proj')
        y = linear(layer_norm(x, f'layers.{i}.ln2'), f'layers.{i}.ffn.layers.0.0')
        x = x + linear(F.gelu(y), f'layers.{i}.ffn.layers.1')
    return layer_norm(x, 'ln1').reshape(B, height, width, C).permute(0, 3, 1, 2)


@pytest.mark.parametrize('num_images', [1, 2])
def test_a_vitpose_rounds_as_with_the_vit_of_mmpretrain(
    num_images: int, image: Tensor
) -> None:
    model, image = build(), image[:num_images]
    (got,), want = model(image), mmpretrain_vit(model, image)
    assert torch.equal(got, want)
    # By which the convolutions of a head choose their algorithm.
    assert got.stride() == want.stride()


def test_gates_lead_from_the_plain_vit_to_ungated_prompts(image: Tensor) -> None:
    for start in (0, 2):
        prompt = dict(num_tokens=5, gate_init=0.0, start_layer=start)
        gated = MODELS.build({**copy.deepcopy(BACKBONE), 'visual_prompt': prompt}).eval()
        (got,) = gated(image)
        assert torch.equal(got, gated(image, tuned=False)[0])
        got.square().sum().backward()
        assert gated.visual_prompt_gates.shape == (3 - start,)
        assert (gated.visual_prompt_gates.grad != 0).all()
        gated.visual_prompt_gates.data.fill_(1.0)
        ungated = build(visual_prompt=dict(num_tokens=5, start_layer=start))
        weights = {k: v for k, v in gated.state_dict().items() if 'gates' not in k}
        ungated.load_state_dict(weights)
        want = ungated(image)[0]
        torch.testing.assert_close(gated(image)[0], want, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ('kwargs', 'drops'),
    [
        (dict(visual_prompt=PROMPT), False),
        (dict(), True),
        (dict(drop_rate=0.3, drop_path_rate=0.0, frozen_stages=3), False),
        (dict(drop_rate=0.3, drop_path_rate=0.0), True),
    ],
)
def test_frozen_parts_never_drop(kwargs: dict, drops: bool, image: Tensor) -> None:
    model = build(**kwargs).train()
    assert torch.equal(model(image)[0], model(image)[0]) != drops


@pytest.mark.parametrize(
    ('kwargs', 'trained', 'training'),
    [
        (dict(), ('',), [0, 1, 2]),
        (dict(trained_layers=0), (), []),
        (dict(trained_layers=1), ('layers.2.', 'ln1.'), [2]),
        (dict(trained_layers=3), ('layers.', 'ln1.'), [0, 1, 2]),
        (dict(frozen_stages=2), ('layers.2.', 'ln1.'), [2]),
        (dict(frozen_stages=0), ('layers.', 'ln1.'), [0, 1, 2]),
        (dict(visual_prompt=PROMPT), ('visual_prompts',), []),
        (
            dict(visual_prompt=PROMPT, trained_layers=1),
            ('visual_prompts', 'layers.2.', 'ln1.'),
            [2],
        ),
    ],
)
def test_trains_the_last_layers_and_the_prompts(
    kwargs: dict, trained: tuple[str, ...], training: list[int]
) -> None:
    model = build(**kwargs)
    for name, param in model.named_parameters():
        assert param.requires_grad == name.startswith(trained), name
    assert model.train() is model
    assert [i for i, layer in enumerate(model.layers) if layer.training] == training


def test_takes_init_cfgs_patch_cfgs_and_other_input_sizes() -> None:
    constant = [dict(type='Constant', layer='Linear', val=0.5)]
    model = build(init_cfg=constant, patch_cfg=dict(stride=8, padding=4))
    model.init_weights()
    assert model.layers[0].attn.proj.weight.eq(0.5).all()
    assert model(torch.randn(1, 3, 128, 96))[0].shape == (1, 32, 16, 12)
    (feature_map,) = build(visual_prompt=PROMPT)(torch.randn(1, 3, 160, 96))
    assert feature_map.shape == (1, 32, 10, 6)


@pytest.mark.parametrize(
    ('kwargs', 'fault'),
    [
        (dict(arch='giant'), "Unknown arch 'giant'"),
        (dict(out_indices=(3,)), 'out_indices must be of the 3 layers'),
        (dict(arch=dict(embed_dims=8)), 'arch lacks'),
        (dict(out_type='cls_token'), 'featmap'),
        (dict(with_cls_token=True), 'with_cls_token'),
        (dict(frozen_stages=4), 'frozen_stages'),
        (dict(frozen_stages=2, trained_layers=1), 'both say what is frozen'),
        (dict(trained_layers=4), r'trained_layers must be an integer in \[0, 3\]'),
        (dict(visual_prompt=dict(num_tokens=5, start_layer=3)), 'start_layer'),
        (dict(arch=dict(BACKBONE['arch'], num_heads=5)), 'num_heads=5 does not divide'),
        (dict(lora=dict(rank=0)), 'at least 1, got 0'),
        (dict(lora=dict(rank=2.0)), r'at least 1, got 2\.0'),
        (dict(lora=dict(rank=True)), 'at least 1, got True'),
        (dict(lora=dict()), r'takes rank.*got \{\}'),
        (dict(lora=dict(rank=2, alpha=4)), 'takes rank'),
        (dict(lora=8), 'takes rank.*got 8'),
    ],
)
def test_bad_arguments_are_refused(kwargs: dict, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
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


def test_loads_checkpoints_with_a_class_token_or_without_final_norm(image: Tensor) -> None:
    source, target = build(), build(visual_prompt=PROMPT)
    weights, row = source.state_dict(), torch.randn(1, 1, 32)
    weights['pos_embed'] = torch.cat([row, weights['pos_embed']], dim=1)
    target.load_state_dict({**weights, 'cls_token': row}, strict=False)
    assert torch.equal(target(image, tuned=False)[0], source(image)[0])
    # MAE's have no final norm.
    weights = {k: v for k, v in build().state_dict().items() if not k.startswith('ln1.')}
    target.load_state_dict(weights, strict=False)
    assert torch.equal(target.pos_embed, weights['pos_embed'])


@pytest.mark.parametrize(
    ('rows', 'source'), [(12, (4, 3)), (192, (16, 12)), (36, (6, 6)), (197, (14, 14))]
)
def test_resizes_position_embeddings(rows: int, source: tuple[int, int]) -> None:
    model, table = build(), torch.randn(1, rows, 32)
    model.load_state_dict({**model.state_dict(), 'pos_embed': table})
    grid = table[:, -source[0] * source[1] :].reshape(1, *source, 32).permute(0, 3, 1, 2)
    grid = F.interpolate(grid, size=(8, 6), mode='bicubic', align_corners=False)
    want = grid.permute(0, 2, 3, 1).reshape(1, 48, 32)
    torch.testing.assert_close(model.pos_embed.data, want)


def test_a_checkpoint_that_does_not_match_is_refused() -> None:
    model = build()
    before = copy.deepcopy(model.state_dict())
    cut = {k: v for k, v in before.items() if k != 'layers.2.ln2.bias'}
    wide, deep = (
        build(arch={**BACKBONE['arch'], **change}).state_dict()
        for change in (dict(embed_dims=64), dict(num_layers=4))
    )
    for weights, fault in (
        (wide, 'has shape'),
        (deep, 'layers.3.* has no place'),
        (cut, 'layers.2.ln2.bias is missing'),
        (dict(foo=torch.zeros(1)), 'fits no part'),
    ):
        with pytest.raises(ValueError, match=fault):
            load_state_dict(model, weights)
        for name, tensor in model.state_dict().items():
            assert torch.equal(tensor, before[name])
