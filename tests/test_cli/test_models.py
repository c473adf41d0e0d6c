"""``vlpose models``."""

from pathlib import Path

import pytest
import torch
from mmdet.registry import MODELS as DETECTION_MODELS
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpose.registry import MODELS
from torch import nn

from vlpose_mm.apis.detectors import find_detector
from vlpose_mm.apis.model_zoo import find_model
from vlpose_mm.cli.main import main
from vlpose_mm.cli.models import PARAMS
from vlpose_mm.names import (
    DEFAULT_DETECTOR,
    DEFAULT_MODEL,
    DETECTORS,
    FCOS_REAL_SMALL,
    PACKAGED,
    PACKAGED_DETECTORS,
    published_models,
)


@pytest.fixture
def rows(capsys: pytest.CaptureFixture) -> dict[str, list[str]]:
    """What is printed behind each name."""
    assert main(['models']) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    return {line.split()[0]: line.split()[1:] for line in lines if line.startswith('  ')}


def millions(model: nn.Module) -> float:
    """Parameters of a model."""
    return round(sum(each.numel() for each in model.parameters()) / 1e6, 1)


@pytest.mark.fast
def test_published_models_are_listed_with_size_ap_and_terms(rows) -> None:
    assert rows[DEFAULT_MODEL] == ['90.0', '41.0', '75.9', '75.8', 'non-commercial']
    published = [name for name, row in rows.items() if len(row) == 5]
    assert {*published} == {*PARAMS} and len(published) == 10
    assert rows['yolox-m-humanart'] == ['25.3', '59.1', 'non-commercial']
    assert rows['rtmdet-m'] == ['24.7', 'academic'] and rows['whole-image'] == []
    assert rows['mini-drawn'][-1] == 'Apache-2.0'
    assert rows[FCOS_REAL_SMALL] == ['21.8', 'research']


@pytest.mark.fast
def test_our_configs_are_listed_with_their_base(rows) -> None:
    name = 'td-hm_VLPose-{}_8xb64-210e_humanart-256x192'
    assert rows[name.format('base')] == ['ViTPose-base_coco']
    assert rows[name.format('swin-t')] == ['swin_t_coco']
    joint = rows['td-hm_VLPose-lora-base_8xb64-210e_humanart-coco-256x192']
    assert joint == ['ViTPose-base_humanart']


def test_the_sizes_are_those_of_the_models(tmp_path: Path) -> None:
    for entry in published_models():
        name, cfg = entry['Name'], Config.fromfile(entry['Config']).model
        if cfg.backbone.type.endswith('.VisionTransformer'):
            # Ours equals it, and can be built beside transformers 5.
            settings = {key: cfg.backbone[key] for key in ('arch', 'img_size', 'patch_cfg')}
            cfg.backbone = dict(type='PromptedVisionTransformer', **settings)
        cfg.backbone.init_cfg = None
        with torch.device('meta'):
            assert millions(MODELS.build(cfg)) == PARAMS[name], name
    for name, found in PACKAGED.items():
        assert millions(MODELS.build(find_model(name).cfg.model)) == found.params
    weights = tmp_path / 'w.pth'
    weights.touch()
    with DefaultScope.overwrite_default_scope('mmdet'), torch.device('meta'):
        for name in (
            *PACKAGED_DETECTORS,
            DEFAULT_DETECTOR,
            'rtmdet-s-humanart',
            'rtmdet-nano',
        ):
            cfg = find_detector(name, weights).cfg.model
            params = {**DETECTORS, **PACKAGED_DETECTORS}[name].params
            assert millions(DETECTION_MODELS.build(cfg)) == params, name
