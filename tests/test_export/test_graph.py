"""One graph of both routes: the same heatmaps as PyTorch."""

from collections.abc import Callable

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
import torch
from mmpose.structures import PoseDataSample

from tests.conftest import ROOT
from tests.test_export.conftest import PROMPTS, settings
from tests.test_models.estimators import build
from tests.test_models.test_classifiers.test_scenario_classifier import CLASSES
from vlpose_mm.models import VLPoseEstimator

slow = pytest.mark.slow
MODELS = {
    'recipe': settings(),
    'one_text_prompt': settings(),
    'paper': settings(lora=None),
    'shallow': settings(lora=None, visual_prompt=dict(num_tokens=3, deep=False)),
    'gates': settings(visual_prompt=dict(num_tokens=3, gate_init=0.3, start_layer=1)),
    'head_only': settings(lora=None, visual_prompt=None, trained_layers=0),
    'no_text': {**settings(), 'text_encoder': None},
    'cross': {**settings(), 'matcher': dict(type='RelationMatcher', variant='cross')},
    'cosine': {**settings(), 'matcher': dict(type='RelationMatcher', variant='cosine')},
    'swin': settings('swin'),
    'pvt': settings('pvt'),
    'pvtv2': settings('pvtv2', visual_prompt=dict(num_tokens=3, deep=False)),
    'hrformer': settings('hrformer'),
}


def run(session: onnxruntime.InferenceSession, images, rows, tuned: bool) -> list:
    feed = dict(images=np.asarray(images), text_prompt=np.array(rows, np.int64))
    return session.run(None, dict(feed, tuned=np.array(tuned)))


def open_session(graph: ir.Model) -> onnxruntime.InferenceSession:
    content = ir.to_proto(graph).SerializeToString()
    return onnxruntime.InferenceSession(content, providers=['CPUExecutionProvider'])


@torch.no_grad()
def heatmaps_of(model: VLPoseEstimator, images: torch.Tensor, rows, route: str):
    model.set_route(route)
    told = [PoseDataSample(metainfo=dict(text_prompt=PROMPTS[row])) for row in rows]
    return model(images, told).numpy()


@pytest.mark.slow
@pytest.mark.parametrize('name', [*MODELS][1:])
@pytest.mark.timeout(600)
def test_both_routes_are_pytorch_s_for_every_kind_of_model(
    name: str, graph_of: Callable
) -> None:
    model = build(MODELS[name]).eval()
    # What sees the image has to weigh enough to be seen in heatmaps.
    for part in (model.head.final_layer, model.head.tuned_final_layer):
        torch.nn.init.normal_(part.weight, std=1.0)
    prompts = PROMPTS[:1] if name == 'one_text_prompt' else PROMPTS
    check_routes(model, graph_of(model, prompts), prompts)


def test_both_routes_are_pytorch_s_in_batches_of_any_size(
    vit: VLPoseEstimator, graph: ir.Model
) -> None:
    check_routes(vit, graph, PROMPTS)


def check_routes(model: VLPoseEstimator, graph: ir.Model, prompts: list) -> None:
    session = open_session(graph)
    w, h = model.head.decoder.input_size
    for rows in ([0], [3, 1, 2, 0, 1], [2, 2]):
        rows = [row % len(prompts) for row in rows]
        images = torch.randn(len(rows), 3, h, w)
        for route in ('original', 'tuned'):
            expected = heatmaps_of(model, images, rows, route)
            (found,) = run(session, images, rows, route == 'tuned')
            assert found.shape == expected.shape
            assert np.ptp(expected) > 0.01
            assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()


def test_text_prompts_change_the_tuned_route_alone(graph: ir.Model) -> None:
    session = open_session(graph)
    images = torch.randn(1, 3, 128, 96).expand(4, -1, -1, -1)
    (tuned,) = run(session, images, [0, 1, 2, 3], tuned=True)
    (original,) = run(session, images, [0, 1, 2, 3], tuned=False)
    for row in (1, 2, 3):
        assert np.abs(tuned[row] - tuned[0]).max() > 1e-3 * np.abs(tuned).max()
        np.testing.assert_allclose(original[row], original[0], atol=1e-6)


def test_the_classifier_looks_at_the_original_route(graph_of: Callable) -> None:
    model = build({**settings(), 'scenario_classifier': dict(type='ScenarioClassifier')})
    model.eval()
    model.scenario_classifier.assign(CLASSES, torch.randn(4, 32), torch.randn(4))
    session = open_session(graph_of(model))
    images = torch.randn(3, 3, 128, 96)
    with torch.no_grad():
        (feature_map,) = model.backbone(images, tuned=False)
    scores = feature_map.mean((2, 3)) @ model.scenario_classifier.weight.T
    wanted = (scores + model.scenario_classifier.bias).log_softmax(1)
    _, found = run(session, images, [0, 0, 0], tuned=False)
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    heatmaps, none = run(session, images, [0, 0, 0], tuned=True)
    assert len(heatmaps) == 3 and none.shape == (0, 4)


def test_frozen_weights_are_in_the_graph_once(
    vit: VLPoseEstimator, graph: ir.Model
) -> None:
    size = len(ir.to_proto(graph).SerializeToString())
    weights = sum(4 * param.numel() for param in vit.parameters())
    # The rest is the nodes of two routes.
    assert size < 1.1 * weights + 2**18


def test_what_depends_on_text_prompts_alone_is_constant(graph: ir.Model) -> None:
    weights = {tuple(value.shape) for value in graph.graph.initializers.values()}
    # Keys and values of the matcher, and the scales of the low-rank updates.
    assert (4, 10, 32) in weights
    assert (4, 3, 4, 1, 2) in weights
    assert (24, 32) not in weights and (32, 24) not in weights
    # None of the layer norms sees prompts or words: three layers of two, the last and the
    # matcher's.
    kinds = [node.op_type for node in graph.graph.all_nodes()]
    assert kinds.count('LayerNormalization') == 7 + 8


def test_a_graph_is_valid_and_has_no_paths_of_the_machine(graph: ir.Model) -> None:
    proto = ir.to_proto(graph)
    onnx.checker.check_model(proto)
    content = proto.SerializeToString()
    assert str(ROOT).encode() not in content
    assert b'site-packages' not in content
    sizes = [v.type.tensor_type.shape.dim for v in proto.graph.input]
    assert [[d.dim_value or d.dim_param for d in dims] for dims in sizes] == [
        ['batch', 3, 128, 96],
        ['batch'],
        [],
    ]


def test_a_model_can_be_used_after_the_export(
    vit: VLPoseEstimator, graph_of: Callable
) -> None:
    images = torch.randn(2, 3, 128, 96)
    before = heatmaps_of(vit, images, [0, 1], 'tuned')
    graph_of(vit)
    np.testing.assert_array_equal(heatmaps_of(vit, images, [0, 1], 'tuned'), before)
    # The words of now, not those of the export.
    with torch.no_grad():
        vit.matcher.k.weight.mul_(2)
    assert not np.allclose(heatmaps_of(vit, images, [0, 1], 'tuned'), before)
