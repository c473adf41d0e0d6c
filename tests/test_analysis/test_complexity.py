"""Parameters, FLOPs and checkpoint sizes."""

import copy
import json
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner.checkpoint import get_state_dict, save_checkpoint
from mmpose.registry import MODELS
from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook
from transformers import AutoModel

from tests.configs import zoo_config
from vlpose_mm.analysis.complexity import model_complexity

# The tiny models of conftest.py.
N, C, LAYERS, HIDDEN, PROMPTS, RANK = 8 * 6, 32, 3, 64, 3, 2
DECONV, KEYPOINTS = 16, 17
TOKENS, TEXT_DIMS = 7, 384


def vit_flops(prompts: int = 0) -> int:
    linear = N * C * (3 * C + C + 2 * HIDDEN) + prompts * C * 2 * C
    attention = 2 * N * (N + prompts) * C
    return N * 3 * 16**2 * C + LAYERS * (linear + attention)


# Low-rank updates of four linear layers, down and up again; their scales, from the text.
LORA_FLOPS = LAYERS * N * RANK * ((C + 3 * C) + (C + C) + 2 * (C + HIDDEN))
STEERING_FLOPS = TEXT_DIMS * LAYERS * 4 * RANK
# A 4 x 4 kernel for each input pixel of two blocks.
DECONV_FLOPS = N * C * 4 * 4 * DECONV + 4 * N * DECONV * 4 * 4 * DECONV
FINAL_FLOPS = 16 * N * DECONV * KEYPOINTS
ORIGINAL_FLOPS = vit_flops() + DECONV_FLOPS + FINAL_FLOPS


def tuned_flops(tokens: int) -> int:
    text = tokens * (TEXT_DIMS * C + 2 * C * C) + STEERING_FLOPS * bool(tokens)
    matcher = N * 4 * C * C + 2 * N * (N + tokens) * C
    return vit_flops(PROMPTS) + LORA_FLOPS + text + matcher + 2 * DECONV_FLOPS + FINAL_FLOPS


def part(summary: dict, name: str) -> tuple[int, int]:
    """The parameters and the trainable ones of a part."""
    (row,) = [row for row in summary['parts'] if row['name'] == name]
    return row['params'], row['trainable']


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_flops_equal_the_formulas_and_parts_have_every_parameter_once(
    vlpose_cfg: dict, tmp_path: Path
) -> None:
    vlpose_cfg['head']['gate_init'] = 0.1
    cfg = Config(dict(model=vlpose_cfg))
    before, ran = copy.deepcopy(cfg.to_dict()), []
    hook = register_module_forward_pre_hook(lambda m, args: ran.append(m))
    try:
        summary = model_complexity(cfg)
    finally:
        hook.remove()
    # The head runs slices of its nn.Sequential, which are new ones of the same layers.
    layers = [m for m in ran if type(m) is not nn.Sequential]
    assert layers and not any(m.training for m in layers)
    assert cfg.to_dict() == before and json.loads(json.dumps(summary)) == summary

    flops = dict(original=ORIGINAL_FLOPS, tuned=tuned_flops(TOKENS))
    assert summary['flops'] == flops
    assert summary['tuned_to_original'] == flops['tuned'] / flops['original']
    text = dict(num_tokens=TOKENS, embed_dims=TEXT_DIMS, params=0)
    assert (summary['text'], summary['input_size']) == (text, [96, 128])
    assert summary['flip_test']

    model = MODELS.build(vlpose_cfg)
    added = model.backbone.visual_prompts.numel()
    added += sum(p.numel() for name, p in model.named_parameters() if 'lora' in name)
    head, matcher = model.head, count(model.matcher)
    base_head = count(head.deconv_layers) + count(head.final_layer)
    assert part(summary, 'backbone') == (count(model.backbone) - added, 0)
    assert part(summary, 'backbone (adapter)') == (added, added)
    assert part(summary, 'matcher (adapter)') == (matcher, matcher)
    assert part(summary, 'head') == (base_head, 0)
    assert part(summary, 'head (adapter)') == (count(head) - base_head,) * 2
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert summary['total'] == dict(params=count(model), trainable=trained)

    # Checkpoints are as large as saved ones.
    state = get_state_dict(model)
    tuned = {name for name, p in model.named_parameters() if p.requires_grad}
    # A branch without its batch norms' statistics could not be switched on again.
    tuned |= {name for name in state if name.startswith('head.aux_deconv_layers.')}
    path = tmp_path / 'model.pth'
    for name, names in (('full', set(state)), ('adapter', tuned)):
        kept = {name: tensor for name, tensor in state.items() if name in names}
        save_checkpoint(dict(state_dict=kept), str(path))
        size = summary['checkpoint_bytes'][name]
        assert size == pytest.approx(path.stat().st_size, rel=0.02)


def test_a_model_of_mmpose_has_one_route(base_cfg: dict) -> None:
    summary = model_complexity(dict(model=base_cfg))
    assert summary['flops'] == dict(original=ORIGINAL_FLOPS)
    assert summary['tuned_to_original'] is summary['text'] is None
    assert summary['checkpoint_bytes'].keys() == {'full'}
    model = MODELS.build(base_cfg)
    for row, name in zip(summary['parts'], ('backbone', 'head'), strict=True):
        params = count(getattr(model, name))
        assert row == dict(name=name, params=params, trainable=params)


@pytest.mark.parametrize(('name', 'trained'), [('base', 6.75), ('lora-base', 9.70)])
def test_vit_base_trains_seven_to_ten_percent(name: str, trained: float) -> None:
    cfg = Config.fromfile(zoo_config(name))
    cfg.model.text_encoder = dict(type='RandomTextEncoder', embed_dims=768, num_tokens=7)
    summary = model_complexity(cfg)
    total = summary['total']
    assert total['trainable'] / 1e6 == pytest.approx(trained, abs=0.01)
    assert (total['params'] - total['trainable']) / 1e6 == pytest.approx(90.0, abs=0.1)
    assert summary['flops']['original'] / 1e9 == pytest.approx(18.5, abs=0.1)


def test_the_frozen_language_model_counts_separately(vlpose_cfg: dict, minilm: str) -> None:
    language_model = count(AutoModel.from_pretrained(minilm))
    encoder = dict(type='TransformersTextEncoder', pretrained=minilm, context_tokens=2)
    vlpose_cfg['text_encoder'] = encoder
    learned = model_complexity(dict(model=vlpose_cfg))
    assert part(learned, 'text_encoder (adapter)') == (2 * TEXT_DIMS, 2 * TEXT_DIMS)
    text = dict(num_tokens=TOKENS + 2, embed_dims=TEXT_DIMS, params=language_model)
    assert learned['text'] == text
    assert learned['total']['params'] < language_model
    assert learned['flops']['tuned'] == tuned_flops(TOKENS + 2)

    vlpose_cfg['text_encoder'] = None
    summary = model_complexity(dict(model=vlpose_cfg))
    assert summary['text'] is None and summary['flops']['tuned'] == tuned_flops(0)


def test_the_input_size_is_that_of_the_codec_or_the_backbone(base_cfg: dict) -> None:
    del base_cfg['head']['decoder']
    cfg = dict(model=base_cfg)
    assert model_complexity(cfg)['input_size'] == [96, 128]
    cfg['codec'] = dict(input_size=(48, 64))
    assert model_complexity(cfg)['input_size'] == [48, 64]


class Detector(nn.Module):
    """A module whose output size depends on the image."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
        return (x.nonzero(),)


def test_refuses_a_config_without_model_input_size_or_static_shapes(base_cfg: dict) -> None:
    with pytest.raises(ValueError, match='has no `model`'):
        model_complexity(dict(codec=dict(input_size=(96, 128))))
    base_cfg['backbone'] = dict(type=Detector)
    with pytest.raises(ValueError, match='FLOPs of TopdownPoseEstimator depend on'):
        model_complexity(dict(model=base_cfg))
    del base_cfg['head']['decoder']
    with pytest.raises(ValueError, match='The input size is unknown'):
        model_complexity(dict(model=base_cfg))
