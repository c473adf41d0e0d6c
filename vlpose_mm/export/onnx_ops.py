"""How linear layers and batch norms are written as ONNX operators."""

import torch
from onnxscript import opset20 as op

# Without type hints, which the exporter would take for ONNX types, and with PyTorch's names
# of the arguments, by which torch 2.6 finds them.


def linear(input, weight, bias=None):
    """Translate ``F.linear`` to a product with the weight as PyTorch stores it.

    PyTorch's own translation transposes some weights, so that two graphs could not share
    them.
    """
    inputs = (weight,) if bias is None else (weight, bias)  # out, in; out
    if len(input.shape) == 2:
        return op.Gemm(input, *inputs, transB=1)
    rows = op.Reshape(input, op.Constant(value_ints=[-1, input.shape[-1]]))
    y = op.Gemm(rows, *inputs, transB=1)
    # Only the first size is unknown, which has the batch in it.
    sizes = [size if isinstance(size, int) else -1 for size in input.shape[:-1]]
    return op.Reshape(y, op.Constant(value_ints=[*sizes, weight.shape[0]]))  # ..., out


def batch_norm(input, weight, bias, running_mean, running_var, momentum, eps):
    """Translate ``F.batch_norm`` in eval mode.

    PyTorch's own translation fails with torch 2.6, which records all outputs of the
    operator, also those of training.
    """
    y = op.BatchNormalization(input, weight, bias, running_mean, running_var, epsilon=eps)
    y = y[0] if isinstance(y, tuple) else y
    return y, op.Identity(running_mean), op.Identity(running_var)  # the last are not used


TRANSLATIONS = {
    torch.ops.aten.linear.default: linear,
    torch.ops.aten._native_batch_norm_legit_no_training.default: batch_norm,
}
