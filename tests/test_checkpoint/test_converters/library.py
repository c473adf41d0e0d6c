"""Small models of the transformers library, with random weights in every place."""

from __future__ import annotations

import re
from pathlib import Path

import onnx
import pytest
import torch
import transformers
from onnx import helper, numpy_helper

HAS_VITPOSE = hasattr(transformers, 'VitPoseForPoseEstimation')
needs_vitpose = pytest.mark.skipif(
    not HAS_VITPOSE, reason='ViTPose is in transformers 4.48 and later.'
)


def vitpose(simple: bool = False, **backbone) -> transformers.VitPoseForPoseEstimation:
    """Build one for images of 96 x 128 pixels.

    Args:
        simple (bool): Whether it has the simple decoder.
        **backbone: Other settings of its backbone.
    """
    settings = dict(
        image_size=(128, 96),
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        mlp_ratio=2,
        layer_norm_eps=1e-6,
        out_indices=[3],
    )
    settings |= backbone
    config = transformers.VitPoseConfig(
        backbone_config=transformers.VitPoseBackboneConfig(**settings),
        use_simple_decoder=simple,
        num_labels=17,
    )
    model = transformers.VitPoseForPoseEstimation(config).eval()
    for name, tensor in model.state_dict().items():
        if re.search('norm.*weight|running', name):
            torch.nn.init.uniform_(tensor, 0.5, 1.5)
        elif tensor.is_floating_point():
            torch.nn.init.normal_(tensor, std=0.2)
    return model


def original_names(model: transformers.VitPoseForPoseEstimation) -> dict[str, torch.Tensor]:
    """The same weights in the names of the original ViTPose repository."""
    renamed = {}
    for name, tensor in model.state_dict().items():
        for pattern, new in {
            'embeddings.position_embeddings': 'pos_embed',
            'embeddings.patch_embeddings.projection': 'patch_embed.proj',
            'encoder.layer': 'blocks',
            'attention.output.dense': 'attn.proj',
            'attention.attention': 'attn',
            'layernorm_before': 'norm1',
            'layernorm_after': 'norm2',
            'backbone.layernorm': 'backbone.last_norm',
            'head.deconv1': 'keypoint_head.deconv_layers.0',
            'head.batchnorm1': 'keypoint_head.deconv_layers.1',
            'head.deconv2': 'keypoint_head.deconv_layers.3',
            'head.batchnorm2': 'keypoint_head.deconv_layers.4',
            'head.conv': 'keypoint_head.final_layer',
        }.items():
            name = name.replace(pattern, new)
        renamed[name] = tensor
    for name in [name for name in renamed if '.query.' in name]:
        parts = [name.replace('query', part) for part in ('query', 'key', 'value')]
        together = torch.cat([renamed.pop(part) for part in parts])
        renamed[name.replace('query', 'qkv')] = together
    return renamed


def blip_text() -> transformers.BlipTextModel:
    """Build BLIP's text side, with cross attention to images of another width."""
    config = transformers.BlipTextConfig(
        vocab_size=30524,
        hidden_size=128,
        encoder_hidden_size=96,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=40,
    )
    model = transformers.BlipTextModel(config, add_pooling_layer=False).eval()
    for tensor in model.state_dict().values():
        torch.nn.init.normal_(tensor, std=0.1)
    return model


def lavis_names(blip: transformers.BlipTextModel) -> dict[str, torch.Tensor]:
    """The same weights as LAVIS' feature extractor has them inside of a VLPose."""
    text = {f'text_encoder.text_encoder.{k}': v for k, v in blip.state_dict().items()}
    text['text_encoder.text_encoder.embeddings.position_ids'] = torch.arange(40)[None]
    for name in ('visual_encoder.cls_token', 'vision_proj.weight', 'text_proj.weight'):
        text[f'text_encoder.{name}'] = torch.rand(1, 1, 96)
    return text


def albef() -> tuple[transformers.BertForMaskedLM, dict[str, torch.Tensor]]:
    """Build ALBEF's text side, and its published weights without the vision side."""
    config = transformers.BertConfig(
        hidden_size=128,
        num_hidden_layers=12,
        num_attention_heads=2,
        intermediate_size=96,
        max_position_embeddings=40,
    )
    bert = transformers.BertForMaskedLM(config).eval()
    weights = {f'text_encoder.{k}': v for k, v in bert.state_dict().items()}
    weights['text_encoder.bert.embeddings.position_ids'] = torch.arange(40)[None]
    for i in range(6, 12):
        name = f'text_encoder.bert.encoder.layer.{i}.crossattention.self.query.weight'
        weights[name] = torch.rand(128, 128)
    # The momentum copy, whose names start alike.
    weights |= {k.replace('encoder.', 'encoder_m.', 1): v + 1 for k, v in weights.items()}
    return bert, weights | {'visual_encoder.cls_token': torch.rand(1, 1, 8)}


def dinov2(folder: str | Path, **settings) -> transformers.Dinov2Model:
    """Build a DINOv2 for images of 4 x 4 patches, and save it in a folder."""
    settings = dict(hidden_size=128, num_hidden_layers=2, num_attention_heads=2) | settings
    settings = dict(mlp_ratio=2, patch_size=14, image_size=56) | settings
    model = transformers.Dinov2Model(transformers.Dinov2Config(**settings)).eval()
    for tensor in model.state_dict().values():
        torch.nn.init.normal_(tensor, std=0.2)
    model.save_pretrained(folder)
    return model


def write_dinov2_onnx(weights: dict[str, torch.Tensor], path: str | Path) -> None:
    """Write the weights of a DINOv2 as torch's exporter does, before a decoder."""
    nodes, tensors = [], {'decoder.weight': torch.ones(2, 2)}
    for name, tensor in weights.items():
        if 'position_embeddings' in name:
            tensors['onnx::Reshape_9'] = tensor[:, 1:]
            tensors['onnx::Concat_10'] = tensor[:, :1]
        elif re.search(r'(query|key|value|dense|fc\d)\.weight', name):
            stored, output = f'onnx::MatMul_{len(nodes)}', f'output_{len(nodes)}'
            tensors[stored] = tensor.T
            bias = 'backbone.' + name.replace('weight', 'bias')
            nodes += [
                helper.make_node('MatMul', ['x', stored], [output]),
                helper.make_node('Add', [bias, output], [f'{output}_sum']),
            ]
        elif 'mask_token' not in name:
            tensors[f'backbone.{name}'] = tensor
    stored = [numpy_helper.from_array(t.numpy(), name) for name, t in tensors.items()]
    graph = helper.make_graph(nodes, 'model', [], [], initializer=stored)
    onnx.save(helper.make_model(graph), path)
