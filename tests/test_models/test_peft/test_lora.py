"""Low-rank updates against the formula of the module's docstring."""

import copy
from collections.abc import Callable
from functools import partial

import pytest
import torch
from mmpose.registry import MODELS
from torch import nn
from torch.utils.checkpoint import checkpoint

from tests.conftest import BACKBONE
from tests.test_models.test_backbones import tiny
from vlpose_mm.models.peft.lora import LoRA, updated
from vlpose_mm.models.text_encoders.base import TextFeatures, pack


def build(**kwargs) -> nn.Module:
    """Build the small backbone with random weights in every place."""
    model = MODELS.build({**copy.deepcopy(BACKBONE), **kwargs})
    for param in model.parameters():
        torch.nn.init.normal_(param.data, std=0.1)
    return model.eval()


@pytest.fixture
def image() -> torch.Tensor:
    return torch.randn(2, 3, 128, 96)


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


def test_without_words_every_scale_is_one(image: torch.Tensor) -> None:
    model = build(lora=dict(rank=2))
    merged = build()
    weights = model.state_dict()
    for name in [name for name in weights if name.endswith('lora_up')]:
        stem = name.removesuffix('lora_up')
        weights[f'{stem}weight'] = (
            weights[f'{stem}weight'] + weights[name] @ weights[f'{stem}lora_down']
        )
    merged.load_state_dict({k: v for k, v in weights.items() if 'lora' not in k})
    torch.testing.assert_close(model(image)[0], merged(image)[0])


def test_updates_start_at_nothing_and_the_plain_vit_stays(image: torch.Tensor) -> None:
    model = MODELS.build({**copy.deepcopy(BACKBONE), 'lora': dict(rank=2)}).eval()
    plain = model(image, tuned=False)[0]
    assert torch.equal(model(image)[0], plain)
    for name, param in model.named_parameters():
        if 'lora' in name:
            nn.init.normal_(param.data)
    assert not torch.allclose(model(image)[0], plain)
    assert torch.equal(model(image, tuned=False)[0], plain)


def test_only_updates_are_trained_and_get_gradients(image: torch.Tensor) -> None:
    model = build(lora=dict(rank=2, text_dims=5))
    text = pack([torch.randn(3, 5)], [0] * len(image))
    model.train()(image, text_feats=text)[0].sum().backward()
    for name, param in model.named_parameters():
        assert param.requires_grad == ('lora' in name) == (param.grad is not None), name
    assert not model.layers[0].training


def test_samples_of_a_batch_do_not_mix(image: torch.Tensor) -> None:
    model = build(lora=dict(rank=2, text_dims=5))
    words = [torch.randn(3, 5), torch.randn(6, 5)]
    together = model(image, text_feats=pack(words, [0, 1]))[0]
    for i in range(2):
        alone = model(image[i : i + 1], text_feats=pack([words[i]], [0]))[0]
        torch.testing.assert_close(together[i : i + 1], alone)


def test_a_checkpoint_with_some_of_the_updates_is_refused() -> None:
    model = build(lora=dict(rank=2))
    weights = model.state_dict()
    del weights['layers.0.attn.qkv.lora_up']
    with pytest.raises(ValueError, match=r'layers\.0\.attn\.qkv\.lora_up is missing'):
        model.load_state_dict(weights)


def test_a_plain_vit_takes_the_base_of_one_with_updates(image: torch.Tensor) -> None:
    model, plain = build(lora=dict(rank=2)), build()
    plain.load_state_dict(model.state_dict())
    assert torch.equal(plain(image)[0], model(image, tuned=False)[0])


def test_a_vlpose_refuses_a_checkpoint_with_updates_without_lora(vlpose_cfg: dict) -> None:
    weights = MODELS.build(vlpose_cfg).state_dict()
    vlpose_cfg['backbone']['lora'] = None
    with pytest.raises(ValueError, match=r'tuned with backbone\.\S*lora'):
        MODELS.build(vlpose_cfg).load_state_dict(weights)


def test_a_tuned_checkpoint_without_updates_is_refused_with_lora(vlpose_cfg: dict) -> None:
    model = MODELS.build({**vlpose_cfg, 'backbone': {**BACKBONE, 'lora': None}})
    with pytest.raises(ValueError, match='tuned'):
        MODELS.build(vlpose_cfg).load_state_dict(model.state_dict())


@pytest.mark.parametrize(
    ('lora', 'fault'),
    [
        (dict(rank=0), 'at least 1, got 0'),
        (dict(rank=2.0), r'at least 1, got 2\.0'),
        (dict(rank=True), 'at least 1, got True'),
        (dict(), r'takes rank.*got \{\}'),
        (dict(rank=2, alpha=4), 'takes rank'),
        (8, 'takes rank.*got 8'),
    ],
)
def test_wrong_settings_are_refused(lora: dict | int, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        MODELS.build({**copy.deepcopy(BACKBONE), 'lora': lora})


def test_the_width_of_the_words_is_not_the_configs_to_say(vlpose_cfg: dict) -> None:
    vlpose_cfg['backbone']['lora'] = dict(rank=2, text_dims=5)
    with pytest.raises(ValueError, match='omit text_dims'):
        MODELS.build(vlpose_cfg)


@pytest.mark.parametrize('kind', ['swin', 'pvt', 'hrformer'])
def test_the_other_backbones_say_that_they_have_none(kind: str) -> None:
    tiny.build(kind, lora=None)
    with pytest.raises(ValueError, match='no low-rank updates'):
        tiny.build(kind, lora=dict(rank=2))


@pytest.mark.parametrize('use_reentrant', [False, True])
def test_what_is_recomputed_in_the_backward_pass_has_the_same_gradients(
    use_reentrant: bool, image: torch.Tensor
) -> None:
    model = build(lora=dict(rank=2, text_dims=5), visual_prompt=dict(num_tokens=2)).train()
    text = pack([torch.randn(3, 5)], [0] * len(image))

    def gradients() -> dict[str, torch.Tensor]:
        model.zero_grad()
        model(image, text_feats=text)[0].square().sum().backward()
        return {n: p.grad.clone() for n, p in model.named_parameters() if p.requires_grad}

    want = gradients()
    for layer in model.layers:
        layer.forward = partial(checkpoint, layer.forward, use_reentrant=use_reentrant)
    torch.testing.assert_close(gradients(), want)


@pytest.mark.fast
def test_merged_updates_serve_their_text_prompt_alone(image: torch.Tensor) -> None:
    model = build(lora=dict(rank=2, text_dims=5))
    one, other = torch.randn(3, 5), torch.randn(4, 5)
    texts = dict(
        one=pack([one], [0, 0]),
        again=pack([one.clone()], [0, 0]),
        other=pack([other], [0, 0]),
        mixed=pack([one, other], [0, 1]),
    )
    with torch.no_grad():
        plain = model(image, tuned=False)[0]
        want = {name: model(image, text_feats=text)[0] for name, text in texts.items()}
        assert not torch.allclose(want['one'], want['other'])
        model.lora.merge(pack([one], [0]))
        for name in [*texts, 'one']:
            got = model(image, text_feats=texts[name])[0]
            torch.testing.assert_close(got, want[name], atol=1e-5, rtol=1e-5)
            assert is_merged(model, image, texts[name]) == (name in ('one', 'again'))
        assert torch.equal(model(image, tuned=False)[0], plain)
        model.lora.unmerge()
        assert torch.equal(model(image, text_feats=texts['one'])[0], want['one'])
        assert not is_merged(model, image, texts['one'])


def is_merged(model: nn.Module, image: torch.Tensor, text: TextFeatures) -> bool:
    """Whether a batch runs on merged weights."""
    return isinstance(model.lora(image, text)[0], tuple)


def add_to(name: str) -> Callable:
    """Make a change of a weight."""
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
    change: Callable, image: torch.Tensor
) -> None:
    model = build(lora=dict(rank=2, text_dims=5))
    text = pack([torch.randn(3, 5)], [0] * len(image))
    model.lora.merge(text)
    assert is_merged(model, image, text)
    change(model)
    image = image.to(model.pos_embed.dtype)
    assert not is_merged(model, image, text)
    with torch.enable_grad():
        want = model(image, text_feats=text)[0]
    torch.testing.assert_close(model(image, text_feats=text)[0], want)


def test_only_float32_and_eval_mode_can_be_merged() -> None:
    model = build(lora=dict(rank=2, text_dims=5))
    text = pack([torch.randn(3, 5)], [0])
    with pytest.raises(ValueError, match=r'call model.eval\(\)'):
        model.train().lora.merge(text)
    model.eval()
    with (
        pytest.raises(ValueError, match='computes in autocast'),
        torch.autocast('cpu', torch.bfloat16),
    ):
        model.lora.merge(text)
    with pytest.raises(ValueError, match='computes in torch.bfloat16'):
        model.bfloat16().lora.merge(text)
