"""DINOv2 as the ViT of a ViTPose: its numbers, and what is refused."""

import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from mmpose.registry import MODELS

from tests.test_checkpoint.test_converters.library import dinov2, write_dinov2_onnx
from vlpose_mm.checkpoint.converters.dinov2 import (
    arch_of,
    from_dinov2,
    read_onnx,
    read_pretrained,
)


def load(state_dict: dict, img_size: tuple[int, int]) -> torch.nn.Module:
    """Load a converted DINOv2 into our ViT, as a part of a ViTPose."""
    arch = arch_of(state_dict, num_heads=2)
    cfg = dict(type='PromptedVisionTransformer', arch=arch, img_size=img_size)
    model = torch.nn.ModuleDict(dict(backbone=MODELS.build(cfg)))
    model.load_state_dict(state_dict)
    return model['backbone'].eval()


def test_our_vit_computes_the_librarys_features_of_the_patches(tmp_path: Path) -> None:
    library = dinov2(tmp_path, patch_size=16, image_size=64)
    state_dict, num_heads = read_pretrained(str(tmp_path))
    converted = from_dinov2(state_dict)
    assert num_heads == 2 and converted.unmapped == []
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        (found,) = load(converted.state_dict, (64, 64))(images)  # B, C, h, w
        # The library's modules, on the patches without the class token.
        x = library.embeddings(images)[:, 1:]  # B, hw, C
        for layer in library.encoder.layer:
            x = layer(x)
            x = x[0] if isinstance(x, tuple) else x
        expected = library.layernorm(x).transpose(1, 2).reshape(found.shape)
    assert (found - expected).abs().max() < 1e-5 * expected.abs().max()


def test_patches_of_16_pixels_give_what_those_of_14_gave(tmp_path: Path) -> None:
    library = dinov2(tmp_path)
    conv = library.embeddings.patch_embeddings.projection
    with torch.no_grad():
        noise = torch.randn(128, 3, 3, 3)
        conv.weight.copy_(F.interpolate(noise, size=(14, 14), mode='bilinear'))
    library.save_pretrained(tmp_path)
    converted = from_dinov2(read_pretrained(str(tmp_path))[0]).state_dict
    kernel = converted['backbone.patch_embed.projection.weight']
    image = F.interpolate(torch.randn(1, 3, 4, 4), size=(448, 448), mode='bicubic')
    small, large = (F.interpolate(image, size=(s, s), mode='area') for s in (56, 64))
    with torch.no_grad():
        expected = conv(small) - conv.bias[:, None, None]
        found = F.conv2d(large, kernel, stride=16)
    assert kernel.shape == (128, 3, 16, 16)
    assert (found - expected).norm() < 0.02 * expected.norm()


def test_positions_lose_the_class_token_and_fit_another_grid(tmp_path: Path) -> None:
    dinov2(tmp_path)
    state_dict, _ = read_pretrained(str(tmp_path))
    converted = from_dinov2(state_dict).state_dict
    table = state_dict['embeddings.position_embeddings']
    assert torch.equal(converted['backbone.pos_embed'], table[:, 1:])
    assert load(converted, (128, 96)).pos_embed.shape == (1, 8 * 6, 128)


def test_an_exported_model_gives_the_same_tensors(tmp_path: Path) -> None:
    dinov2(tmp_path)
    library, _ = read_pretrained(str(tmp_path))
    write_dinov2_onnx(library, tmp_path / 'model.onnx')
    state_dict, num_heads = read_onnx(str(tmp_path / 'model.onnx'))
    found, expected = from_dinov2(state_dict), from_dinov2(library)
    assert num_heads == 2 and found.unmapped == ['decoder.weight']
    assert found.state_dict.keys() == expected.state_dict.keys()
    for name, tensor in expected.state_dict.items():
        assert torch.equal(found.state_dict[name], tensor), name


def test_folders_written_by_torch_are_read_as_well(tmp_path: Path) -> None:
    dinov2(tmp_path)
    expected, _ = read_pretrained(str(tmp_path))
    (tmp_path / 'model.safetensors').unlink()
    torch.save(expected, tmp_path / 'pytorch_model.bin')
    assert read_pretrained(str(tmp_path))[0].keys() == expected.keys()


def test_refuses_sources_of_another_kind(tmp_path: Path) -> None:
    settings = tmp_path / 'config.json'
    for content, fault in {
        None: 'give a folder of save_pretrained, a hub name that can be reached',
        '{"model_type"': 'give a folder of save_pretrained',
        '[]': "its model_type is None, not 'dinov2'",
        '{"model_type": "dinov2_with_registers"}': "is 'dinov2_with_registers', not",
        json.dumps(dict(model_type='dinov2')): 'neither model.safetensors nor',
    }.items():
        if content is not None:
            settings.write_text(content)
        with pytest.raises((OSError, ValueError), match=fault):
            read_pretrained(str(tmp_path))
    broken = tmp_path / 'model.onnx'
    broken.write_bytes(b'not a graph')
    with pytest.raises(ValueError, match='model.onnx is not an ONNX file'):
        read_onnx(str(broken))


def test_lists_what_has_no_place_and_refuses_what_is_incomplete(tmp_path: Path) -> None:
    dinov2(tmp_path)
    weights, _ = read_pretrained(str(tmp_path))
    more = from_dinov2(weights | {'embeddings.register_tokens': torch.ones(1, 4, 128)})
    assert more.unmapped == ['backbone.register_tokens']
    layer = 'encoder.layer.1.'
    for name, fault in {
        f'{layer}attention.attention.key.weight': 'layers.1.attn.qkv.weight',
        f'{layer}layer_scale2.lambda1': 'layers.1.ffn.layers.1.lambda1',
        'embeddings.position_embeddings': 'backbone.pos_embed',
    }.items():
        with pytest.raises(ValueError, match=f'becomes .*{fault}'):
            from_dinov2({k: v for k, v in weights.items() if k != name})
