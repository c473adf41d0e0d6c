"""Weights in half precision, and products of integers."""

from collections.abc import Callable

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
import torch

from vlpose_mm.export.quantization import LIMIT, to_half, to_int8
from vlpose_mm.models import VLPoseEstimator


@pytest.fixture
def graph(vit: VLPoseEstimator, graph_of: Callable) -> ir.Model:
    return graph_of(vit)


def run(graph: ir.Model, tuned: bool) -> np.ndarray:
    proto = ir.to_proto(graph)
    onnx.checker.check_model(proto, full_check=True)
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), providers=['CPUExecutionProvider']
    )
    torch.manual_seed(1)
    images = torch.randn(3, 3, 128, 96).numpy()
    feed = dict(images=images, text_prompt=np.array([0, 2, 1]), tuned=np.array(tuned))
    return session.run(None, feed)[0]


def test_half_keeps_large_weights_in_two_bytes(graph: ir.Model) -> None:
    full = {tuned: run(graph, tuned) for tuned in (False, True)}
    large = [v.const_value for v in graph.graph.initializers.values()]
    large = [tensor for tensor in large if tensor.size >= 1024]
    to_half(graph)
    kept = [v.const_value for v in graph.graph.initializers.values()]
    assert all(t.dtype != ir.DataType.FLOAT or t.size < 1024 for t in kept)
    halves = [tensor for tensor in kept if tensor.dtype == ir.DataType.FLOAT16]
    assert sum(t.size for t in halves) == sum(t.size for t in large)
    for tuned, wanted in full.items():
        off = np.abs(run(graph, tuned) - wanted).max() / np.abs(wanted).max()
        assert 0 < off < 5e-3


def test_int8_multiplies_all_large_linear_layers_in_integers(graph: ir.Model) -> None:
    full = {tuned: run(graph, tuned) for tuned in (False, True)}
    gemms = [n for n in graph.graph.all_nodes() if n.op_type == 'Gemm']
    to_int8(graph)
    kinds = [node.op_type for node in graph.graph.all_nodes()]
    left = [n for n in graph.graph.all_nodes() if n.op_type == 'Gemm']
    assert len(left) + kinds.count('MatMulInteger') == len(gemms)
    assert all(n.inputs[1].const_value.size < 1024 for n in left)
    # Three layers of four on both routes, and four of the matcher.
    assert kinds.count('MatMulInteger') == 2 * 3 * 4 + 4
    # The routes share the integers, too.
    integers = [
        v.const_value
        for v in graph.graph.initializers.values()
        if v.dtype == ir.DataType.INT8 and len(v.shape) == 2
    ]
    assert len(integers) == 3 * 4 + 4
    for tuned, wanted in full.items():
        off = np.abs(run(graph, tuned) - wanted).max() / np.abs(wanted).max()
        assert 0 < off < 0.2


def test_integers_are_the_nearest_of_seven_bits(graph: ir.Model) -> None:
    weights = {
        name: value.const_value.numpy().copy()
        for name, value in graph.graph.initializers.items()
    }
    to_int8(graph)
    found = graph.graph.initializers
    names = [name for name in weights if f'{name}/int8' in found]
    assert names
    for name in names:
        integers = found[f'{name}/int8'].const_value.numpy().T.astype(float)
        scale = found[f'{name}/scale'].const_value.numpy()[:, None]
        assert np.abs(integers).max() == LIMIT == 63
        assert np.abs(integers * scale - weights[name]).max() <= scale.max() / 2 + 1e-7
        # A scale for each output, which its largest weight fills.
        np.testing.assert_array_equal(np.abs(integers).max(axis=1), LIMIT)
