"""Checkpoints of the original ViTPose repository."""

from collections.abc import Mapping

from torch import Tensor

from vlpose_mm.checkpoint.converters.names import (
    SIMPLE_DECODER,
    Converted,
    check_complete,
    fold_pos_embed,
    rename,
    stock_names,
)

RULES = {
    r'backbone\.patch_embed\.proj': 'backbone.patch_embed.projection',
    r'backbone\.blocks\.(\d+)\.norm([12])': r'backbone.layers.\1.ln\2',
    r'backbone\.blocks\.(\d+)\.attn\.(qkv|proj)': r'backbone.layers.\1.attn.\2',
    r'backbone\.blocks\.(\d+)\.mlp\.fc1': r'backbone.layers.\1.ffn.layers.0.0',
    r'backbone\.blocks\.(\d+)\.mlp\.fc2': r'backbone.layers.\1.ffn.layers.1',
    r'backbone\.last_norm': 'backbone.ln1',
    r'keypoint_head\.(deconv_layers\.\d+|final_layer)': r'head.\1',
}


def from_vitpose(state_dict: Mapping[str, Tensor]) -> Converted:
    """Turn a checkpoint of the original ViTPose repository into one of MMPose.

    Args:
        state_dict (Mapping[str, Tensor]): Its tensors by name.

    Returns:
        Converted: A stock ViTPose.

    Raises:
        ValueError: If it is of another kind, incomplete, has the simple decoder or a
            mixture of experts.
    """
    if any('.mlp.experts.' in name for name in state_dict):
        raise ValueError(
            'it is a ViTPose+ with a mixture of experts; first split it into one ViTPose '
            'per data set with tools/model_split.py of its repository'
        )
    head = {name for name in state_dict if name.startswith('keypoint_head.')}
    if head and not any(name.startswith('keypoint_head.deconv_layers.') for name in head):
        raise ValueError(SIMPLE_DECODER)
    converted, unmapped = rename(
        # No forward pass of this repository reads a class token.
        {name: v for name, v in state_dict.items() if name != 'backbone.cls_token'},
        RULES,
    )
    if 'backbone.pos_embed' in unmapped:
        unmapped.remove('backbone.pos_embed')
        converted['backbone.pos_embed'] = fold_pos_embed(state_dict['backbone.pos_embed'])
    return check_complete(Converted(converted, unmapped), stock_names(converted))
