"""How linear layers and attention are written as ONNX operators.

PyTorch's own translations transpose weights, so that two graphs could not share them, and
rearrange keys twice.
"""

import math

import onnx_ir as ir
import torch
from onnxscript import opset20 as op


def linear(x, weight, bias=None):
    """Translate ``F.linear`` to a product with the weight as PyTorch keeps it.

    Without type hints, which the exporter would take for ONNX types.

    Args:
        x (ir.Value): ... x in.
        weight (ir.Value): out x in.
        bias (ir.Value, optional): out.

    Returns:
        ir.Value: ... x out.
    """
    inputs = (weight,) if bias is None else (weight, bias)
    if len(x.shape) == 2:
        return op.Gemm(x, *inputs, transB=1)
    rows = op.Reshape(x, op.Constant(value_ints=[-1, x.shape[-1]]))
    y = op.Gemm(rows, *inputs, transB=1)
    # Of the sizes only one is unknown: the first, in which the batch is.
    sizes = [size if isinstance(size, int) else -1 for size in x.shape[:-1]]
    return op.Reshape(y, op.Constant(value_ints=[*sizes, weight.shape[0]]))


def attention(
    query,
    key,
    value,
    attn_mask=None,
    dropout_p=0.0,
    is_causal=False,
    scale=None,
    enable_gqa=False,
):
    """Translate ``F.scaled_dot_product_attention`` as these models call it.

    Args:
        query (ir.Value): B x heads x N x d.
        key (ir.Value): B x heads x M x d.
        value (ir.Value): B x heads x M x d.
        attn_mask (ir.Value, optional): What is read, or what is added to the scores;
            broadcast to B x heads x N x M.
        dropout_p (float): Always 0 at inference.
        is_causal (bool): Always ``False`` here.
        scale (float, optional): Of the scores; 1 / sqrt(d) by default.
        enable_gqa (bool): Always ``False`` here.

    Returns:
        ir.Value: B x heads x N x d.
    """
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    query = op.Mul(query, op.Constant(value_float=scale))
    scores = op.MatMul(query, op.Transpose(key, perm=[0, 1, 3, 2]))
    if attn_mask is not None:
        if attn_mask.dtype == ir.DataType.BOOL:
            # Not infinity, which half precision and 0 * infinity make NaN of.
            read, hidden = op.Constant(value_float=0.0), op.Constant(value_float=-1e4)
            attn_mask = op.Where(attn_mask, read, hidden)
        scores = op.Add(scores, attn_mask)
    return op.MatMul(op.Softmax(scores, axis=-1), value)


TRANSLATIONS = {
    torch.ops.aten.linear.default: linear,
    torch.ops.aten.scaled_dot_product_attention.default: attention,
}
