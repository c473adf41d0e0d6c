"""DINOv2 of the ``transformers`` library, or exported to ONNX, as the ViT of a ViTPose."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from vlpose_mm.checkpoint.converters.names import (
    Converted,
    backbone_names,
    check_complete,
    count,
    join_qkv,
    rename,
)
from vlpose_mm.checkpoint.io import read_file, state_dict_of
from vlpose_mm.requirements import RequirementError

if TYPE_CHECKING:
    from onnx import GraphProto

PATCH_SIZE = 16
# Of every DINOv2; the heads cannot be read from the weights.
HEAD_WIDTH = 64
FILES = ('model.safetensors', 'pytorch_model.bin')
# Of the model itself, and inside of a classifier or an exported model.
START = r'(?:dinov2\.|backbone\.)?'
LAYER = rf'{START}encoder\.layer\.(\d+)'
RULES = {
    rf'{START}embeddings\.patch_embeddings\.projection': 'backbone.patch_embed.projection',
    rf'{LAYER}\.norm([12])': r'backbone.layers.\1.ln\2',
    rf'{LAYER}\.attention\.attention\.(query|key|value)': r'backbone.layers.\1.attn.\2',
    rf'{LAYER}\.(?:attention\.output\.dense|layer_scale1)': r'backbone.layers.\1.attn.proj',
    rf'{LAYER}\.mlp\.fc1': r'backbone.layers.\1.ffn.layers.0.0',
    rf'{LAYER}\.(?:mlp\.fc2|layer_scale2)': r'backbone.layers.\1.ffn.layers.1',
    rf'{START}layernorm': 'backbone.ln1',
    rf'{START}embeddings': 'backbone',
}
POS_EMBED = 'backbone.position_embeddings'
# A ViTPose has neither class token nor masked patches.
UNUSED = ('backbone.cls_token', 'backbone.mask_token')


def read_pretrained(name: str) -> tuple[dict[str, Tensor], int]:
    """Read the tensors and the number of heads of a hub name or a folder.

    Raises:
        OSError: If it has no config or weights, or cannot be reached.
        ValueError: If a file cannot be read, or the model is not a DINOv2.
    """
    from transformers.utils import cached_file

    optional = dict(_raise_exceptions_for_missing_entries=False)
    try:
        path = cached_file(name, 'config.json', **optional)
        if path is None:
            raise FileNotFoundError('it has no config.json')
        with open(path, encoding='utf-8') as file:
            config = json.load(file)
        found = (cached_file(name, file, **optional) for file in FILES)
        weights = next(filter(None, found), None)
    except (OSError, json.JSONDecodeError) as error:
        reason = str(error).strip().split('\n')[0]
        raise OSError(
            f'{name} cannot be read ({reason}); give a folder of save_pretrained, a hub '
            'name that can be reached or is in the cache, or an ONNX file'
        ) from error
    kind = config.get('model_type') if isinstance(config, dict) else None
    if kind != 'dinov2':
        raise ValueError(f"{name}: its model_type is {kind!r}, not 'dinov2'")
    if weights is None:
        raise FileNotFoundError(f'{name} has neither {FILES[0]} nor {FILES[1]}')
    state_dict = state_dict_of(read_file(weights), weights)
    return state_dict, config['num_attention_heads']


def read_onnx(path: str) -> tuple[dict[str, Tensor], int]:
    """Read the tensors and the number of heads of an exported DINOv2.

    The exporter transposes the weights of linear layers, splits the class token from the
    positions, and gives both generated names.

    Raises:
        RequirementError: If the package onnx is not installed.
        OSError: If there is no such file.
        ValueError: If it is not an ONNX file with a DINOv2.
    """
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError as error:
        raise RequirementError(
            'Reading ONNX files needs the package onnx; run: pip install onnx'
        ) from error
    try:
        graph = onnx.load(path).graph
    except DecodeError as error:
        raise ValueError(f'{path} is not an ONNX file ({error})') from error
    state_dict = _named_tensors(graph)
    width = max((v.shape[-1] for k, v in state_dict.items() if 'cls_token' in k), default=0)
    return state_dict, width // HEAD_WIDTH


def from_dinov2(state_dict: Mapping[str, Tensor]) -> Converted:
    """Convert a DINOv2 to the backbone of a ViTPose in MMPose's names.

    Layer scales become part of the layers before them. The kernel of the patches is
    resized to 16 x 16 pixels; the class token and its position are dropped. The positions
    remain those of the source; a model resizes them when it loads them.

    Raises:
        ValueError: If it is of another kind or incomplete.
    """
    converted, unmapped = rename(state_dict, RULES)
    join_qkv(converted)
    for name in UNUSED:
        converted.pop(name, None)
    if POS_EMBED in converted:
        converted['backbone.pos_embed'] = converted.pop(POS_EMBED)[:, 1:]  # 1, hw, C
    scales = {
        f'backbone.layers.{i}.{part}.lambda1'
        for i in range(count(converted, r'backbone\.layers'))
        for part in ('attn.proj', 'ffn.layers.1')
    }
    required = backbone_names(converted) | scales
    converted, unmapped = check_complete(Converted(converted, unmapped), required)
    for name in scales:
        scale, layer = converted.pop(name), name.removesuffix('.lambda1')
        converted[f'{layer}.weight'] = scale[:, None] * converted[f'{layer}.weight']
        converted[f'{layer}.bias'] = scale * converted[f'{layer}.bias']
    kernel = 'backbone.patch_embed.projection.weight'
    converted[kernel] = _resize_kernel(converted[kernel])
    return Converted(converted, unmapped)


def arch_of(state_dict: Mapping[str, Tensor], num_heads: int) -> dict[str, int]:
    """Return the ``arch`` of ``PromptedVisionTransformer`` for a converted DINOv2."""
    return dict(
        embed_dims=state_dict['backbone.ln1.weight'].numel(),
        num_layers=count(state_dict, r'backbone\.layers'),
        num_heads=num_heads,
        feedforward_channels=state_dict['backbone.layers.0.ffn.layers.0.0.bias'].numel(),
    )


def _named_tensors(graph: 'GraphProto') -> dict[str, Tensor]:
    """Return the tensors of a graph under the names that its modules have."""
    from onnx import numpy_helper

    tensors = {
        tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy())
        for tensor in graph.initializer
    }
    weights = {
        node.output[0]: node.input[1] for node in graph.node if node.op_type == 'MatMul'
    }
    for node in graph.node:
        if node.op_type != 'Add':
            continue
        biases = [name for name in node.input if name.endswith('.bias')]
        sources = [weights[name] for name in node.input if weights.get(name) in tensors]
        if biases and sources:
            name = biases[0].removesuffix('bias') + 'weight'
            tensors[name] = tensors.pop(sources[0]).T.contiguous()
    # The only unnamed ones with three axes: 1 x 1 x C, of the class token, and 1 x hw x C.
    parts = [k for k, v in tensors.items() if v.ndim == 3 and k.startswith('onnx::')]
    if parts:
        table = sorted(map(tensors.pop, parts), key=lambda part: part.shape[1])
        tensors['backbone.embeddings.position_embeddings'] = torch.cat(table, 1)
    return tensors


def _resize_kernel(kernel: Tensor) -> Tensor:
    """Resize the kernel of the patches, C x 3 x h x w, such that sums over it remain."""
    size = kernel.shape[-1]
    if size == PATCH_SIZE:
        return kernel
    resized = F.interpolate(
        kernel.float(), size=(PATCH_SIZE, PATCH_SIZE), mode='bicubic', align_corners=False
    )
    return (resized * (size / PATCH_SIZE) ** 2).to(kernel.dtype)
