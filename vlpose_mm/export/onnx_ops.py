"""How linear layers are written as ONNX operators."""

import torch
from onnxscript import opset20 as op


# Without type hints, which the exporter would take for ONNX types.
def linear(x, weight, bias=None):
    """Translate ``F.linear`` to a product with the weight as PyTorch stores it.

    PyTorch's own translation transposes some weights, so that two graphs could not share
    them.
    """
    inputs = (weight,) if bias is None else (weight, bias)  # out, in; out
    if len(x.shape) == 2:
        return op.Gemm(x, *inputs, transB=1)
    rows = op.Reshape(x, op.Constant(value_ints=[-1, x.shape[-1]]))
    y = op.Gemm(rows, *inputs, transB=1)
    # Only the first size is unknown, which has the batch in it.
    sizes = [size if isinstance(size, int) else -1 for size in x.shape[:-1]]
    return op.Reshape(y, op.Constant(value_ints=[*sizes, weight.shape[0]]))  # ..., out


TRANSLATIONS = {torch.ops.aten.linear.default: linear}
