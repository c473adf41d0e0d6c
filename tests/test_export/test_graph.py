"""One graph of both routes: the same heatmaps as PyTorch."""

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
import torch
from packaging.version import Version

from tests.conftest import ROOT
from tests.test_export.conftest import (
    PROMPTS,
    Traced,
    heatmaps_of,
    settings,
    trace_routes,
)
from tests.test_models.estimators import build
from vlpose_mm.export.graph import join
from vlpose_mm.models import VLPoseEstimator

MODELS = {
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


def check_routes(model: VLPoseEstimator, graph: ir.Model, prompts: list) -> None:
    session = open_session(graph)
    w, h = model.head.decoder.input_size
    for rows in ([0], [3, 1, 2, 0, 1], [2, 2]):
        rows = [row % len(prompts) for row in rows]
        images = torch.randn(len(rows), 3, h, w)
        for route in ('original', 'tuned'):
            expected = heatmaps_of(model, images, rows, route)
            found = run(session, images, rows, route == 'tuned')[0]
            assert found.shape == expected.shape
            assert np.ptp(expected) > 0.01
            assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()


@pytest.mark.slow
@pytest.mark.parametrize(
    'name',
    [
        pytest.param(
            name,
            marks=pytest.mark.skipif(
                name == 'hrformer' and Version(torch.__version__) < Version('2.7'),
                reason='torch 2.6 traces HRFormer for a batch of one size.',
            ),
        )
        for name in MODELS
    ],
)
@pytest.mark.timeout(600)
def test_both_routes_are_pytorch_s_for_every_kind_of_model(name: str) -> None:
    model = build(MODELS[name]).eval()
    # What sees the image has to weigh enough to be seen in heatmaps.
    for part in (model.head.final_layer, model.head.tuned_final_layer):
        torch.nn.init.normal_(part.weight, std=1.0)
    prompts = PROMPTS[:1] if name == 'one_text_prompt' else PROMPTS
    check_routes(model, join(*trace_routes(model, prompts)), prompts)


def test_both_routes_are_pytorch_s_in_batches_of_any_size(
    vit: VLPoseEstimator, graph: ir.Model
) -> None:
    check_routes(vit, graph, PROMPTS)


def test_text_prompts_change_the_tuned_route_alone(graph: ir.Model) -> None:
    session = open_session(graph)
    images = torch.randn(1, 3, 128, 96).expand(4, -1, -1, -1)
    tuned, _ = run(session, images, [0, 1, 2, 3], tuned=True)
    original, _ = run(session, images, [0, 1, 2, 3], tuned=False)
    for row in (1, 2, 3):
        assert np.abs(tuned[row] - tuned[0]).max() > 1e-3 * np.abs(tuned).max()
        np.testing.assert_allclose(original[row], original[0], atol=1e-6)


def test_the_classifier_looks_at_the_original_route(
    vit: VLPoseEstimator, graph: ir.Model
) -> None:
    session, images = open_session(graph), torch.randn(3, 3, 128, 96)
    with torch.no_grad():
        (feature_map,) = vit.backbone(images, tuned=False)
    scores = feature_map.mean((2, 3)) @ vit.scenario_classifier.weight.T
    wanted = (scores + vit.scenario_classifier.bias).log_softmax(1)
    _, found = run(session, images, [0, 0, 0], tuned=False)
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    heatmaps, none = run(session, images, [0, 0, 0], tuned=True)
    assert len(heatmaps) == 3 and none.shape == (0, 4)


def test_weights_are_in_the_graph_once_and_what_depends_on_text_alone_is_constant(
    vit: VLPoseEstimator, graph: ir.Model
) -> None:
    size = len(ir.to_proto(graph).SerializeToString())
    weights = sum(4 * param.numel() for param in vit.parameters())
    # The rest is the nodes of two routes.
    assert size < 1.1 * weights + 2**18
    shapes = {tuple(value.shape) for value in graph.graph.initializers.values()}
    # Keys and values of the matcher, and the scales of the low-rank updates.
    assert {(4, 10, 64), (4, 3, 4, 1, 2)} <= shapes
    assert not {(24, 32), (32, 24)} & shapes
    # No layer norm sees visual or text prompts: three layers of two, the last and the
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


def test_a_model_can_be_used_after_the_export(traced: Traced) -> None:
    np.testing.assert_array_equal(traced.after, traced.before)
    # It reads its weights again, not those of the export.
    key = traced.model.matcher.k.weight
    with torch.no_grad():
        key.mul_(2)
        changed = heatmaps_of(traced.model, traced.images, [0, 1], 'tuned')
        key.div_(2)
    assert not np.allclose(changed, traced.before)
