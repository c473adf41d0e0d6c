"""ViTPose of the ``transformers`` library."""

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from vlpose_mm.checkpoint.converters.names import (
    SIMPLE_DECODER,
    Converted,
    check_complete,
    fold_pos_embed,
    join_qkv,
    rename,
    vitpose_names,
)
from vlpose_mm.checkpoint.io import read_file, state_dict_of

if TYPE_CHECKING:
    from transformers import VitPoseConfig

PATCHES = r'backbone\.embeddings\.patch_embeddings\.projection'
LAYER = r'backbone\.encoder\.layer\.(\d+)'
RULES = {
    PATCHES: 'backbone.patch_embed.projection',
    rf'{LAYER}\.layernorm_before': r'backbone.layers.\1.ln1',
    rf'{LAYER}\.attention\.attention\.(query|key|value)': r'backbone.layers.\1.attn.\2',
    rf'{LAYER}\.attention\.output\.dense': r'backbone.layers.\1.attn.proj',
    rf'{LAYER}\.layernorm_after': r'backbone.layers.\1.ln2',
    rf'{LAYER}\.mlp\.fc1': r'backbone.layers.\1.ffn.layers.0.0',
    rf'{LAYER}\.mlp\.fc2': r'backbone.layers.\1.ffn.layers.1',
    r'backbone\.layernorm': 'backbone.ln1',
    r'head\.deconv([12])': lambda match: f'head.deconv_layers.{3 * int(match[1]) - 3}',
    r'head\.batchnorm([12])': lambda match: f'head.deconv_layers.{3 * int(match[1]) - 2}',
    r'head\.conv': 'head.final_layer',
}
POS_EMBED = 'backbone.embeddings.position_embeddings'
FILES = ('model.safetensors', 'pytorch_model.bin')


def read_folder(folder: str) -> tuple[dict[str, Tensor], 'VitPoseConfig']:
    """Read the tensors and settings of ``VitPoseForPoseEstimation.save_pretrained``.

    Raises:
        OSError: If it is not a folder, or lacks a file.
        ValueError: If a file cannot be read, or the model is not a ViTPose with the classic
            decoder and without a mixture of experts.
    """
    try:
        from transformers import VitPoseConfig
    except ImportError as error:
        raise ValueError(
            'ViTPose of the transformers library needs transformers 4.48 or later; get it '
            'with: pip install --upgrade transformers'
        ) from error
    if not os.path.isdir(folder):
        raise NotADirectoryError(
            f'{folder} is not a folder; name the one with config.json and {FILES[0]}'
        )
    path = os.path.join(folder, 'config.json')
    try:
        with open(path, encoding='utf-8') as file:
            settings = json.load(file)
        if not isinstance(settings, dict) or settings.get('model_type') != 'vitpose':
            raise ValueError("model_type is not 'vitpose'")
        config = VitPoseConfig.from_pretrained(folder)
    except FileNotFoundError:
        raise FileNotFoundError(f'{folder} has no config.json') from None
    except Exception as error:  # the library raises anything
        raise ValueError(
            f'{path} is not a config of VitPoseForPoseEstimation ({error})'
        ) from error
    backbone = config.backbone_config
    if config.use_simple_decoder:
        raise ValueError(f'{folder}: {SIMPLE_DECODER}')
    if getattr(backbone, 'num_experts', 1) > 1:
        raise ValueError(
            f'{folder}: it has a mixture of {backbone.num_experts} experts, which a VLPose '
            'does not support; use a ViTPose, not a ViTPose+'
        )
    if backbone.hidden_act != 'gelu':
        raise ValueError(f"{folder}: hidden_act is {backbone.hidden_act!r}, not 'gelu'")
    paths = [os.path.join(folder, name) for name in FILES]
    found = [path for path in paths if os.path.exists(path)]
    if not found:
        raise FileNotFoundError(f'{folder} has neither {FILES[0]} nor {FILES[1]}')
    return state_dict_of(read_file(found[0]), found[0]), config


def from_transformers(state_dict: Mapping[str, Tensor]) -> Converted:
    """Convert a ``VitPoseForPoseEstimation`` with the classic decoder to MMPose's names.

    Raises:
        ValueError: If it is of another kind or incomplete.
    """
    converted, unmapped = rename(state_dict, RULES)
    if POS_EMBED in unmapped:
        unmapped.remove(POS_EMBED)
        converted['backbone.pos_embed'] = fold_pos_embed(state_dict[POS_EMBED])
    join_qkv(converted)
    return check_complete(Converted(converted, unmapped), vitpose_names(converted))
