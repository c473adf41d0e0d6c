"""Low-rank updates against the formula of the module's docstring."""

import copy
from collections.abc import Callable
from functools import partial

import pytest
import torch
from mmpose.registry import MODELS
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from tests.conftest import BACKBONE
from tests.test_models.test_backbones.test_vit import build
from vlpose_mm.models.peft.lora import LoRA, updated
from vlpose_mm.models.text_encoders.base import TextFeatures, pack


@pytest.fixture
def image() -> Tensor:
    return torch.randn(2, 3, 128, 96)


@pytest.fixture
def model() -> nn.Module:
    """A backbone with updates that text steers."""
    return build(lora=dict(rank=2, text_dims=5))


@pytest.fixture
def text_feats() -> TextFeatures:
    """The same text for both images."""
    return pack([torch.randn(3, 5)], [0, 0])


def test_tokens_steer_by_their_shares() -> None:
    lora = LoRA([nn.Sequential(nn.Linear(6, 8))], rank=3, text_dims=5)
    nn.init.normal_(lora.steer.weight)
    tokens, image = torch.randn(3, 5), torch.randn(1, 7, 6)
    text_feats = pack([tokens], [0])._replace(shares=torch.tensor([[1.0, 0.5, 0.5]]))
    (scales,) = lora(image, text_feats)
    (expected,) = lora(image, pack([tokens[[0, 0, 1, 2]]], [0]))
    torch.testing.assert_close(scales, expected)


def test_an_update_is_two_thin_matrices_scaled_by_the_text_prompt() -> None:
    layers = nn.Sequential(nn.Linear(6, 8), nn.Linear(8, 4))
    lora = LoRA([layers], rank=3, text_dims=5)
    for param in [*layers.parameters(), *lora.parameters()]:
        nn.init.normal_(param.data)
    text_prompts = [torch.randn(2, 5), torch.randn(4, 5)]
    index = [1, 0, 1]
    x = torch.randn(3, 7, 6)
    (scales,) = lora(x, pack(text_prompts, index))
    with updated(layers.lora_linears, scales):
        got = layers(x)

    means = torch.stack([text_prompt.mean(0) for text_prompt in text_prompts])
    normed = (means - means.mean(-1, keepdim=True)) / (
        means.var(-1, unbiased=False, keepdim=True) + 1e-5
    ).sqrt()
    steered = 1 + (normed * lora.norm.weight + lora.norm.bias) @ lora.steer.weight.T
    steered = steered + lora.steer.bias  # 2, 6: three ranks of each of two layers
    for sample, text_prompt in enumerate(index):
        want = x[sample]
        for i, layer in enumerate(layers):
            scale = steered[text_prompt, 3 * i : 3 * i + 3]
            update = layer.lora_up @ torch.diag(scale) @ layer.lora_down
            want = want @ (layer.weight + update).T + layer.bias
        torch.testing.assert_close(got[sample], want, atol=1e-4, rtol=1e-4)


def test_every_scale_is_one_without_text_and_updates_start_at_zero(image: Tensor) -> None:
    model, merged = build(lora=dict(rank=2)), build()
    weights = model.state_dict()
    plain = model(image, tuned=False)[0]
    merged.load_state_dict(weights)
    assert torch.equal(merged(image)[0], plain)
    for name in [name for name in weights if name.endswith('lora_up')]:
        stem = name.removesuffix('lora_up')
        update = weights[name] @ weights[f'{stem}lora_down']
        weights[f'{stem}weight'] = weights[f'{stem}weight'] + update
    merged.load_state_dict({k: v for k, v in weights.items() if 'lora' not in k})
    torch.testing.assert_close(model(image)[0], merged(image)[0])
    assert not torch.allclose(model(image)[0], plain)
    fresh = MODELS.build({**copy.deepcopy(BACKBONE), 'lora': dict(rank=2)}).eval()
    assert torch.equal(fresh(image)[0], fresh(image, tuned=False)[0])


def test_only_updates_are_trained(
    model: nn.Module, image: Tensor, text_feats: TextFeatures
) -> None:
    model.train()(image, text_feats=text_feats)[0].sum().backward()
    for name, param in model.named_parameters():
        assert param.requires_grad == ('lora' in name) == (param.grad is not None), name
    assert not model.layers[0].training


def test_checkpoints_with_other_updates_than_the_config_are_refused(
    vlpose_cfg: dict,
) -> None:
    model = MODELS.build(copy.deepcopy(vlpose_cfg))
    weights = model.state_dict()
    cut = {k: v for k, v in weights.items() if k != 'backbone.layers.0.attn.qkv.lora_up'}
    with pytest.raises(ValueError, match=r'layers\.0\.attn\.qkv\.lora_up is missing'):
        model.load_state_dict(cut)
    vlpose_cfg['backbone']['lora'] = None
    bare = MODELS.build(copy.deepcopy(vlpose_cfg))
    with pytest.raises(ValueError, match=r'tuned with backbone\.\S*lora'):
        bare.load_state_dict(weights)
    with pytest.raises(ValueError, match='lora_down is missing'):
        model.load_state_dict(bare.state_dict())
    vlpose_cfg['backbone']['lora'] = dict(rank=2, text_dims=5)
    with pytest.raises(ValueError, match='omit text_dims'):
        MODELS.build(vlpose_cfg)


@pytest.mark.parametrize('use_reentrant', [False, True])
def test_recomputed_activations_have_the_same_gradients(
    use_reentrant: bool, image: Tensor, text_feats: TextFeatures
) -> None:
    model = build(lora=dict(rank=2, text_dims=5), visual_prompt=dict(num_tokens=2)).train()

    def gradients() -> dict[str, Tensor]:
        model.zero_grad()
        model(image, text_feats=text_feats)[0].square().sum().backward()
        return {n: p.grad.clone() for n, p in model.named_parameters() if p.requires_grad}

    want = gradients()
    for layer in model.layers:
        layer.forward = partial(checkpoint, layer.forward, use_reentrant=use_reentrant)
    torch.testing.assert_close(gradients(), want)


def is_merged(model: nn.Module, image: Tensor, text_feats: TextFeatures) -> bool:
    """Whether a batch runs on merged weights."""
    first = model.lora(image, text_feats)[0]
    return isinstance(first, tuple) and first[0].scales is None


@pytest.mark.fast
@torch.no_grad()
def test_merged_updates_serve_their_text_prompt_alone(
    model: nn.Module, image: Tensor
) -> None:
    one, other = torch.randn(3, 5), torch.randn(4, 5)
    texts = dict(
        one=pack([one], [0, 0]),
        again=pack([one.clone()], [0, 0]),
        other=pack([other], [0, 0]),
        mixed=pack([one, other], [0, 1]),
    )
    plain = model(image, tuned=False)[0]
    want = {name: model(image, text_feats=text)[0] for name, text in texts.items()}
    assert not torch.allclose(want['one'], want['other'])
    # Samples of a batch do not mix.
    alone = torch.stack([want['one'][0], want['other'][1]])
    torch.testing.assert_close(want['mixed'], alone)
    model.lora.merge(pack([one], [0]))
    for name in [*texts, 'one']:
        got = model(image, text_feats=texts[name])[0]
        torch.testing.assert_close(got, want[name], atol=1e-5, rtol=1e-5)
        assert is_merged(model, image, texts[name]) == (name in ('one', 'again'))
    assert torch.equal(model(image, tuned=False)[0], plain)
    model.lora.unmerge()
    assert torch.equal(model(image, text_feats=texts['one'])[0], want['one'])
    assert not is_merged(model, image, texts['one'])


def add_to(name: str) -> Callable:
    return lambda model: model.get_parameter(name).add_(0.1)


@pytest.mark.parametrize(
    'change',
    [
        add_to('layers.0.attn.qkv.lora_up'),
        add_to('layers.1.ffn.layers.1.weight'),
        add_to('lora.steer.weight'),
        lambda model: model.train().eval(),
        lambda model: model.double(),
    ],
)
@torch.no_grad()
def test_a_change_of_the_weights_and_training_drop_what_is_merged(
    change: Callable, model: nn.Module, image: Tensor, text_feats: TextFeatures
) -> None:
    model.lora.merge(text_feats)
    assert is_merged(model, image, text_feats)
    change(model)
    image = image.to(model.pos_embed.dtype)
    assert not is_merged(model, image, text_feats)
    with torch.enable_grad():
        want = model(image, text_feats=text_feats)[0]
    torch.testing.assert_close(model(image, text_feats=text_feats)[0], want)


def test_only_in_eval_mode_updates_can_be_merged(
    model: nn.Module, text_feats: TextFeatures
) -> None:
    with pytest.raises(ValueError, match=r'call model.eval\(\)'):
        model.train().lora.merge(text_feats)


@pytest.mark.parametrize('autocast', [True, False])
@torch.no_grad()
def test_merged_in_bf16_they_are_as_near_to_float32_as_before(
    autocast: bool, model: nn.Module, image: Tensor, text_feats: TextFeatures
) -> None:
    want = model(image, text_feats=text_feats)[0]
    if not autocast:
        model, image = model.bfloat16(), image.bfloat16()
    with torch.autocast('cpu', torch.bfloat16, enabled=autocast):
        before = model(image, text_feats=text_feats)[0]
        model.lora.merge(text_feats)
        assert is_merged(model, image, text_feats)
        merged = model(image, text_feats=text_feats)[0]
    # They were not merged for float32.
    assert not autocast or not is_merged(model, image, text_feats)
    assert 0 < (merged - want).square().mean() < 1.5 * (before - want).square().mean()


def test_under_autocast_one_product_computes_what_two_do(
    model: nn.Module, image: Tensor
) -> None:
    text_feats = pack([torch.randn(3, 5), torch.randn(4, 5)], [0, 1])
    for linears in model.lora.linears:
        for linear in linears:
            nn.init.normal_(linear.lora_up)
    want = model(image, text_feats=text_feats)[0]
    plain = model(image, tuned=False)[0]
    with torch.autocast('cpu', torch.bfloat16):
        two = model(image, text_feats=text_feats)[0]
        with torch.no_grad():
            one = model(image, text_feats=text_feats)[0]
    scale = (want - plain).square().mean()
    assert (one - want).square().mean() < 0.01 * scale
    assert (one - two).square().mean() < 0.01 * scale
