"""Small models of every kind, ready to be written as graphs."""

import copy
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import torch
from mmengine.config import Config
from mmpose.structures import PoseDataSample

from tests.conftest import BACKBONE, HEAD, TEST_CFG
from tests.test_models.estimators import build
from tests.test_models.test_backbones.tiny import ORIGINAL, SIDES
from tests.test_models.test_classifiers.test_scenario_classifier import CLASSES
from vlpose_mm.export.graph import join, trace
from vlpose_mm.export.routes import OriginalRoute, TunedRoute
from vlpose_mm.models import VLPoseEstimator

PROMPTS = ['a mural', 'a long text prompt about a sketch', ['two', 'in one'], 'a photo']
# Heatmaps of the other backbones, by their stride.
HEATMAPS = dict(swin=(24, 32), pvt=(24, 32), pvtv2=(8, 8), hrformer=(16, 24))


def settings(kind: str = 'vit', **backbone: object) -> dict:
    """A small VLPose on a kind of backbone."""
    head = dict(HEAD)
    cfg = dict(BACKBONE, visual_prompt=dict(num_tokens=3), lora=dict(rank=2))
    if kind != 'vit':
        cfg = copy.deepcopy(ORIGINAL[kind])
        cfg.update(type=f'Prompted{cfg["type"]}', visual_prompt=dict(num_tokens=3))
        sizes = dict(input_size=SIDES[kind][::-1], heatmap_size=HEATMAPS[kind])
        head['decoder'] = dict(type='MSRAHeatmap', sigma=1.5, **sizes)
    if kind == 'hrformer':
        # Tracing takes long; one block of every branch suffices.
        for branches in (2, 3, 4):
            blocks = dict(num_modules=1, num_blocks=(1,) * branches)
            cfg['extra'][f'stage{branches}'].update(blocks)
        head['deconv_out_channels'] = None
        del head['deconv_kernel_sizes']
    return dict(
        type='VLPoseEstimator',
        backbone={**cfg, **backbone},
        text_encoder=dict(type='RandomTextEncoder', embed_dims=24, num_tokens=5),
        matcher=dict(type='RelationMatcher', num_heads=4),
        head=dict(type='DualExtractorInjectorHead', **head),
        test_cfg=TEST_CFG,
    )


def trace_routes(model: VLPoseEstimator, prompts: list) -> list[ir.Model]:
    """Write both routes of a model as graphs."""
    size = tuple(model.head.decoder.input_size)
    routes = OriginalRoute(model), TunedRoute(model, prompts)
    return [trace(route.eval(), size) for route in routes]


@torch.no_grad()
def heatmaps_of(
    model: VLPoseEstimator, images: torch.Tensor, rows: list[int], route: str
) -> np.ndarray:
    """Run a route of the model, with text prompts by index."""
    model.set_route(route)
    prompts = [PoseDataSample(metainfo=dict(text_prompt=PROMPTS[row])) for row in rows]
    return model(images, prompts).numpy()


class Traced(NamedTuple):
    """A model, its routes as serialized graphs, and heatmaps from before and after."""

    model: VLPoseEstimator
    routes: list[bytes]
    images: torch.Tensor
    before: np.ndarray
    after: np.ndarray


@pytest.fixture(scope='session')
def traced() -> Traced:
    """The default recipe with a classifier; to trace it takes long."""
    torch.manual_seed(0)
    classifier = dict(type='ScenarioClassifier')
    model = build({**settings(), 'scenario_classifier': classifier}).eval()
    model.scenario_classifier.assign(CLASSES, torch.randn(4, 32), torch.randn(4))
    images = torch.randn(2, 3, 128, 96)
    before = heatmaps_of(model, images, [0, 1], 'tuned')
    graphs = [ir.to_proto(graph) for graph in trace_routes(model, PROMPTS)]
    after = heatmaps_of(model, images, [0, 1], 'tuned')
    content = [graph.SerializeToString() for graph in graphs]
    return Traced(model, content, images, before, after)


@pytest.fixture
def vit(traced: Traced) -> VLPoseEstimator:
    return traced.model


@pytest.fixture
def routes(traced: Traced) -> list[ir.Model]:
    """The original and the tuned route of ``vit``."""
    return [ir.from_proto(onnx.load_from_string(each)) for each in traced.routes]


@pytest.fixture
def graph(routes: list[ir.Model]) -> ir.Model:
    """The graph of ``vit``."""
    return join(*routes)


@pytest.fixture
def small(small_config: Path) -> tuple[Config, VLPoseEstimator]:
    """A user's config and its model, with random numbers in every place."""
    cfg = Config.fromfile(small_config)
    return cfg, build(cfg.model).eval()
