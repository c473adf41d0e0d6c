"""The base of a VLPose config, and models without weights."""

import copy

import pytest
import torch
from mmengine.config import Config
from mmpose.registry import MODELS

from tests.configs import zoo_config
from tests.test_models.test_backbones.tiny import ORIGINAL
from vlpose_mm.analysis.base_model import base_config, build_on_meta


@pytest.mark.parametrize('kind', ['vit', *ORIGINAL])
def test_the_base_computes_the_original_route(kind: str, vlpose_cfg: dict) -> None:
    base = 'PromptedVisionTransformer'
    if kind != 'vit':
        prompt = vlpose_cfg['backbone']['visual_prompt']
        backbone = copy.deepcopy(ORIGINAL[kind])
        base = backbone['type']
        backbone.update(type=f'Prompted{base}', visual_prompt=prompt)
        # MMPose's classes return all stages by default.
        backbone.pop('out_indices', None)
        vlpose_cfg['backbone'] = backbone
    if kind == 'hrformer':
        vlpose_cfg['head'].update(deconv_out_channels=None, deconv_kernel_sizes=None)
    vlpose_cfg['backbone']['trained_layers'] = 1
    vlpose_cfg['head'].update(wiring='released', gate_init=0.5, tuned_norms=True)
    vlpose_cfg['test_cfg']['route'] = 'original'
    vlpose_cfg.update(routes=dict(none='tuned'), base_weights='vitpose.pth')
    vlpose_cfg['train_cfg'] = dict(route='auto')
    before = copy.deepcopy(vlpose_cfg)
    cfg = base_config(vlpose_cfg)
    assert vlpose_cfg == before
    types = cfg['type'], cfg['backbone']['type'], cfg['head']['type']
    assert types == ('TopdownPoseEstimator', base, 'HeatmapHead')
    assert cfg['test_cfg'] == dict(flip_test=True, flip_mode='heatmap', shift_heatmap=False)

    vlpose, model = MODELS.build(vlpose_cfg), MODELS.build(cfg)
    vlpose.init_weights()
    result = model.load_state_dict(vlpose.state_dict(), strict=False)
    assert result.missing_keys == []
    # PyTorch's attention rounds differently if its weights are trained.
    vlpose, model = (m.eval().requires_grad_(False) for m in (vlpose, model))
    x = torch.rand(2, 3, 128, 96)
    assert torch.equal(model(x, None), vlpose(x))


def test_copies_base_configs_and_keeps_the_preprocessor_and_the_codec(
    base_cfg: dict,
) -> None:
    cfg = base_config(base_cfg)
    assert cfg == base_cfg
    cfg['head']['out_channels'] = 1
    assert cfg != base_cfg
    model = Config.fromfile(zoo_config('base')).model
    cfg = base_config(model)
    assert cfg['data_preprocessor'] == model.data_preprocessor
    assert cfg['head']['decoder'] == model.head.decoder
    assert cfg['head']['in_channels'] == 768
    assert cfg.keys() & {'text_encoder', 'matcher'} == set()


def test_refuses_a_backbone_that_mmpose_does_not_have(vlpose_cfg: dict) -> None:
    vlpose_cfg['backbone'] = dict(type='ResNet', depth=18)
    with pytest.raises(
        ValueError, match="'ResNet' has no counter.*PromptedSwinTransformer"
    ):
        base_config(vlpose_cfg)


def test_a_model_on_meta_has_the_same_parameters(vlpose_cfg: dict) -> None:
    model, real = build_on_meta(vlpose_cfg), MODELS.build(vlpose_cfg)
    assert all(p.is_meta for p in (*model.parameters(), *model.buffers()))
    assert not model.training
    ours, theirs = (
        {name: (p.shape, p.requires_grad) for name, p in m.named_parameters()}
        for m in (model, real)
    )
    assert ours == theirs
    # The hook is removed.
    assert not any(p.is_meta for p in real.parameters())
