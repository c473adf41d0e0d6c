"""Smaller graphs: weights in half precision, or products of 8-bit integers."""

import numpy as np
import onnx_ir as ir

#: Smaller ones are not worth it.
MIN_WEIGHTS = 1024
#: Integers as weights have, of both signs. With 7 bits the sum of two products fits into
#: the 16 bits that processors without VNNI have for it.
LIMIT = 63


def to_half(model: ir.Model) -> None:
    """Keep weights in half precision; the arithmetic stays that of float32.

    On processors ONNX Runtime has few operators in half precision and would convert around
    the others. Here it converts once, when it loads the graph.

    Args:
        model (ir.Model): The graph; changed in place.
    """
    graph = model.graph
    casts = []
    for value in list(graph.initializers.values()):
        tensor = value.const_value
        if tensor.dtype != ir.DataType.FLOAT or tensor.size < MIN_WEIGHTS:
            continue
        largest = np.finfo(np.float16).max
        numbers = tensor.numpy().clip(-largest, largest).astype(np.float16)
        kept = _initializer(graph, f'{value.name}/half', numbers)
        cast = ir.node('Cast', [kept], {'to': ir.DataType.FLOAT.value})
        _take_place(graph, value, cast.outputs[0])
        casts.append(cast)
    graph.insert_before(graph[0], casts)


def to_int8(model: ir.Model) -> None:
    """Multiply by linear layers' weights in 8-bit integers (dynamic quantization).

    Weights have a scale for each output; what they are multiplied with gets its scale
    when the graph runs. All else stays as it is: convolutions are few and see pixels or
    make heatmaps.

    Args:
        model (ir.Model): The graph; changed in place.
    """
    graph = model.graph
    weights: dict[str, tuple[ir.Value, ir.Value, ir.Value]] = {}
    for node in list(graph.all_nodes()):
        weight = node.inputs[1] if node.op_type == 'Gemm' else None
        # Of low-rank updates, the product that is added to something else stays.
        has_sum = len(node.inputs) > 2 and len(node.inputs[2].shape) != 1
        if weight is None or has_sum or weight.name not in graph.initializers:
            continue
        if weight.name not in weights and weight.const_value.size >= MIN_WEIGHTS:
            weights[weight.name] = _quantized(graph, weight)
        if weight.name in weights:
            _multiply_integers(node, *weights[weight.name])
    for name in list(graph.initializers):
        if not graph.initializers[name].uses():
            del graph.initializers[name]


def _quantized(graph: ir.Graph, weight: ir.Value) -> tuple[ir.Value, ir.Value, ir.Value]:
    """Round a weight, out x in, to integers, in x out, with scales, out, and zeros, out."""
    numbers = weight.const_value.numpy()
    scale = np.abs(numbers).max(axis=1).clip(min=1e-12) / LIMIT  # out
    rounded = np.rint(numbers / scale[:, None]).astype(np.int8).T
    return (
        _initializer(graph, f'{weight.name}/int8', np.ascontiguousarray(rounded)),
        _initializer(graph, f'{weight.name}/scale', scale.astype(np.float32)),
        _initializer(graph, f'{weight.name}/zero', np.zeros(len(scale), np.int8)),
    )


def _multiply_integers(
    node: ir.Node, weight: ir.Value, scale: ir.Value, zero: ir.Value
) -> None:
    """Multiply integers instead of floats, in the form that ONNX Runtime fuses."""
    quantize = ir.node('DynamicQuantizeLinear', [node.inputs[0]], num_outputs=3)
    rounded, x_scale, x_zero = quantize.outputs
    multiply = ir.node('MatMulInteger', [rounded, weight, x_zero, zero])
    cast = ir.node('Cast', multiply.outputs, {'to': ir.DataType.FLOAT.value})
    scales = ir.node('Mul', [x_scale, scale])
    result = ir.node('Mul', [cast.outputs[0], scales.outputs[0]])
    nodes = [quantize, multiply, cast, scales, result]
    if len(node.inputs) > 2:
        nodes.append(ir.node('Add', [result.outputs[0], node.inputs[2]]))
    old, new = node.outputs[0], nodes[-1].outputs[0]
    for i, made in enumerate(nodes):
        made.name = f'{node.name}/{i}'
        for j, value in enumerate(made.outputs):
            value.name = f'{old.name}/{i}.{j}'
    new.dtype, new.shape = old.dtype, old.shape
    ir.convenience.replace_nodes_and_values(node.graph, node, [node], nodes, [old], [new])


def _initializer(graph: ir.Graph, name: str, numbers: np.ndarray) -> ir.Value:
    """Add a weight to a graph."""
    tensor = ir.tensor(numbers, name=name)
    value = ir.Value(
        name=name,
        shape=tensor.shape,
        type=ir.TensorType(tensor.dtype),
        const_value=tensor,
    )
    graph.initializers.add(value)
    return value


def _take_place(graph: ir.Graph, old: ir.Value, new: ir.Value) -> None:
    """Let a value be read in the place of a weight, which is dropped."""
    del graph.initializers[old.name]
    new.name, new.dtype, new.shape = old.name, old.dtype, old.shape
    old.replace_all_uses_with(new)
