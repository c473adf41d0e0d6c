"""Checkpoints of the original ViTPose repository."""

from collections.abc import Mapping

from torch import Tensor

from vlpose_mm.checkpoint.converters.names import (
    SIMPLE_DECODER,
    Converted,
    check_complete,
    fold_pos_embed,
    rename,
    vitpose_names,
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
    """Convert a checkpoint of the original ViTPose repository to MMPose's names.

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
    # No forward pass of that repository reads the class token.
    source = {k: v for k, v in state_dict.items() if k != 'backbone.cls_token'}
    converted, unmapped = rename(source, RULES)
    if 'backbone.pos_embed' in unmapped:
        unmapped.remove('backbone.pos_embed')
        converted['backbone.pos_embed'] = fold_pos_embed(state_dict['backbone.pos_embed'])
    return check_complete(Converted(converted, unmapped), vitpose_names(converted))
