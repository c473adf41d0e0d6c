"""Small models of every kind, ready to be written as graphs."""

import copy
from collections.abc import Callable
from pathlib import Path

import onnx
import onnx_ir as ir
import pytest
import torch
from mmengine.config import Config

from tests.conftest import BACKBONE, HEAD, TEST_CFG
from tests.test_models.estimators import build
from tests.test_models.test_backbones.tiny import ORIGINAL, SIDES
from vlpose_mm.export.graph import join, trace
from vlpose_mm.export.routes import OriginalRoute, TunedRoute
from vlpose_mm.models import VLPoseEstimator

PROMPTS = ['a mural', 'a long text prompt about a sketch', ['two', 'in one'], 'a photo']
# Heatmaps of the other backbones, by their stride.
HEATMAPS = dict(swin=(24, 32), pvt=(24, 32), pvtv2=(8, 8), hrformer=(16, 24))


def settings(kind: str = 'vit', **backbone: object) -> dict:
    """A small VLPose on a kind of backbone."""
    head = dict(HEAD)
    if kind == 'vit':
        given = dict(BACKBONE, visual_prompt=dict(num_tokens=3), lora=dict(rank=2))
    else:
        stock = copy.deepcopy(ORIGINAL[kind])
        given = dict(
            stock, type=f'Prompted{stock["type"]}', visual_prompt=dict(num_tokens=3)
        )
        h, w = SIDES[kind]
        head['decoder'] = dict(
            type='MSRAHeatmap',
            input_size=(w, h),
            heatmap_size=HEATMAPS[kind],
            sigma=1.5,
        )
    if kind == 'hrformer':
        # Tracing takes long; one block of every branch will do.
        for branches in (2, 3, 4):
            blocks = dict(num_modules=1, num_blocks=(1,) * branches)
            given['extra'][f'stage{branches}'].update(blocks)
        head = dict(head, deconv_out_channels=None)
        del head['deconv_kernel_sizes']
    return dict(
        type='VLPoseEstimator',
        backbone={**given, **backbone},
        text_encoder=dict(type='RandomTextEncoder', embed_dims=24, num_tokens=5),
        matcher=dict(type='RelationMatcher', num_heads=4),
        head=dict(type='DualExtractorInjectorHead', **head),
        test_cfg=TEST_CFG,
    )


@pytest.fixture
def graph_of() -> Callable:
    """Write a model as a graph."""

    def write(model: VLPoseEstimator, prompts: list = PROMPTS) -> ir.Model:
        size = tuple(model.head.decoder.input_size)
        model.eval()
        routes = OriginalRoute(model), TunedRoute(model, prompts)
        return join(*(trace(route.eval(), size) for route in routes))

    return write


@pytest.fixture
def vit() -> VLPoseEstimator:
    """The default recipe, small."""
    torch.manual_seed(0)
    return build(settings()).eval()


@pytest.fixture(scope='session')
def _routes() -> list[bytes]:
    """Both routes of ``vit`` as graphs, which take long to trace."""
    torch.manual_seed(0)
    model = build(settings()).eval()
    size = tuple(model.head.decoder.input_size)
    routes = OriginalRoute(model), TunedRoute(model, PROMPTS)
    graphs = [ir.to_proto(trace(route.eval(), size)) for route in routes]
    return [graph.SerializeToString() for graph in graphs]


@pytest.fixture
def routes(_routes: list[bytes]) -> list[ir.Model]:
    """The original and the tuned route of ``vit``."""
    return [ir.from_proto(onnx.load_from_string(each)) for each in _routes]


@pytest.fixture
def graph(routes: list[ir.Model]) -> ir.Model:
    """The graph of ``vit``."""
    return join(*routes)


@pytest.fixture
def small(small_config: Path) -> tuple[Config, VLPoseEstimator]:
    """A user's config and its model, with random numbers in every place."""
    cfg = Config.fromfile(small_config)
    return cfg, build(cfg.model).eval()
