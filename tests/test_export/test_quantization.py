"""Weights in half precision, and products of integers."""

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import torch

from vlpose_mm.export.graph import join
from vlpose_mm.export.quantization import MIN_SIZE, to_half, to_int8


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


def off(graph: ir.Model, other: ir.Model, tuned: bool) -> float:
    expected = run(other, tuned)
    return np.abs(run(graph, tuned) - expected).max() / np.abs(expected).max()


def test_half_stores_large_weights_in_two_bytes(graph: ir.Model) -> None:
    full = ir.from_proto(ir.to_proto(graph))
    large = [v.const_value for v in full.graph.initializers.values()]
    large = [tensor for tensor in large if tensor.size >= MIN_SIZE]
    to_half(graph.graph)
    stored = [v.const_value for v in graph.graph.initializers.values()]
    assert all(t.dtype != ir.DataType.FLOAT or t.size < MIN_SIZE for t in stored)
    halves = [tensor for tensor in stored if tensor.dtype == ir.DataType.FLOAT16]
    assert sum(t.size for t in halves) == sum(t.size for t in large)
    for tuned in (False, True):
        assert 0 < off(graph, full, tuned) < 5e-3


def test_int8_multiplies_linear_layers_in_integers_that_the_routes_share(
    routes: list[ir.Model],
) -> None:
    graph, full = join(*map(to_int8, map(ir.to_proto, routes))), join(*routes)
    kinds = [node.op_type for node in graph.graph.all_nodes()]
    gemms = [node for node in full.graph.all_nodes() if node.op_type == 'Gemm']
    assert 'Gemm' not in kinds and kinds.count('MatMulInteger') == len(gemms)
    weights = {node.inputs[1].name for node in gemms}
    integers = [
        v.const_value.numpy()
        for v in graph.graph.initializers.values()
        if v.dtype == ir.DataType.INT8 and len(v.shape) == 2
    ]
    assert len(integers) == len(weights) < len(gemms)
    # Seven bits, filled by every output channel.
    for weight in integers:
        assert set(np.abs(weight.astype(int)).max(axis=0)) <= {63, 64}
    for tuned in (False, True):
        assert 0 < off(graph, full, tuned) < 0.2
