"""Smaller graphs: weights in half precision, or products of 8-bit integers."""

import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.quant_utils import add_pre_process_metadata

# Smaller weights stay in float32.
MIN_SIZE = 1024


def to_half(graph: ir.Graph) -> None:
    """Store weights in half precision, in place; the arithmetic stays float32.

    ONNX Runtime's own tool converts the arithmetic as well, which on CPUs costs time. Here
    the session converts the weights once, when it loads the graph.
    """
    casts = []
    for value in list(graph.initializers.values()):
        tensor = value.const_value
        if tensor.dtype != ir.DataType.FLOAT or tensor.size < MIN_SIZE:
            continue
        largest = np.finfo(np.float16).max
        half = ir.tensor(tensor.numpy().clip(-largest, largest).astype(np.float16))
        name = f'{value.name}/half'
        stored = ir.Value(
            name=name, shape=half.shape, type=ir.TensorType(half.dtype), const_value=half
        )
        graph.initializers.add(stored)
        cast = ir.node('Cast', [stored], {'to': ir.DataType.FLOAT.value})
        del graph.initializers[value.name]
        (out,) = cast.outputs
        out.name, out.dtype, out.shape = value.name, value.dtype, value.shape
        value.replace_all_uses_with(out)
        casts.append(cast)
    graph.insert_before(graph[0], casts)


def to_int8(proto: onnx.ModelProto) -> ir.Model:
    """Read a graph with linear layers of 8-bit integers (dynamic quantization).

    Weights have a scale per output channel, and 7 bits: with 8 the sum of two products
    overflows on CPUs without VNNI. Convolutions stay: they are few and see pixels or make
    heatmaps.
    """
    # ONNX Runtime transposes weights, and looks up the shapes that they had.
    proto.graph.ClearField('value_info')
    # ONNX Runtime warns of graphs that its own tool has not optimized; ours are.
    add_pre_process_metadata(proto)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, 'int8.onnx'))
        quantize_dynamic(
            proto,
            path,
            op_types_to_quantize=['MatMul'],  # linear layers become one with its sum
            per_channel=True,
            reduce_range=True,
            weight_type=QuantType.QInt8,
        )
        return ir.from_proto(onnx.load(path))
