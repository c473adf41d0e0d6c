"""ViTPose of the transformers library: its numbers, and what is refused."""

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from mmpose.registry import MODELS

from tests.test_checkpoint.test_converters.library import needs_vitpose, vitpose
from vlpose_mm.checkpoint.converters.transformers_vitpose import (
    from_transformers,
    read_folder,
)

WIDE = dict(deconv_out_channels=(256, 256))


def assert_same_heatmaps(model: torch.nn.Module, library: torch.nn.Module) -> None:
    """Compare on two random images, to 1e-5 of the largest value."""
    images = torch.randn(2, 3, 128, 96)
    with torch.no_grad():
        found, expected = model(images, None), library(images).heatmaps
    assert (found - expected).abs().max() < 1e-5 * expected.abs().max()


@needs_vitpose
def test_mmposes_model_computes_the_librarys_heatmaps(
    base_cfg: dict, tmp_path: Path
) -> None:
    library = vitpose()
    library.save_pretrained(tmp_path)
    state_dict, config = read_folder(str(tmp_path))
    assert config.backbone_config.layer_norm_eps == 1e-6
    converted = from_transformers(state_dict)
    assert converted.unmapped == []
    base_cfg['head'].update(WIDE)
    model = MODELS.build(base_cfg).eval()
    model.load_state_dict(converted.state_dict)
    assert_same_heatmaps(model, library)
    # Folders written by torch are read as well.
    (tmp_path / 'model.safetensors').unlink()
    torch.save(library.state_dict(), tmp_path / 'pytorch_model.bin')
    assert read_folder(str(tmp_path))[0].keys() == state_dict.keys()


@needs_vitpose
def test_the_original_route_computes_the_librarys_heatmaps(vlpose_cfg: dict) -> None:
    library = vitpose(layer_norm_eps=1e-3)
    converted = from_transformers(library.state_dict()).state_dict
    vlpose_cfg['head'].update(WIDE)
    vlpose_cfg['backbone']['norm_eps'] = 1e-3
    model = MODELS.build(vlpose_cfg).eval()
    model.load_state_dict(converted, strict=False)
    with model.disable_adapter():
        assert_same_heatmaps(model, library)


@needs_vitpose
@pytest.mark.parametrize(
    ('model', 'fault'),
    [
        (dict(simple=True), 'simple decoder, .* use a ViTPose with that'),
        (dict(num_experts=2, part_features=8), 'a mixture of 2 experts'),
        (dict(hidden_act='relu'), "hidden_act is 'relu', not 'gelu'"),
    ],
)
def test_refuses_what_our_model_cannot_express(model, fault, tmp_path) -> None:
    vitpose(**model).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=f'{tmp_path}: .*{fault}'):
        read_folder(str(tmp_path))


@needs_vitpose
def test_refuses_folders_of_another_kind(tmp_path: Path) -> None:
    for content, fault in {
        None: 'has no config.json',
        '{"model_type"': 'is not a config of VitPoseForPoseEstimation',
        '[]': "model_type is not 'vitpose'",
        '{"model_type": "bert"}': "model_type is not 'vitpose'",
        json.dumps(dict(model_type='vitpose', use_simple_decoder=3)): 'is not a config of',
        vitpose().config.to_json_string(): 'neither model.safetensors nor pytorch_model',
    }.items():
        if content is not None:
            (tmp_path / 'config.json').write_text(content)
        with pytest.raises((OSError, ValueError), match=fault):
            read_folder(str(tmp_path))
    with pytest.raises(OSError, match='config.json is not a folder; name the one with'):
        read_folder(str(tmp_path / 'config.json'))


@needs_vitpose
def test_lists_what_has_no_place_and_refuses_what_is_incomplete() -> None:
    weights = vitpose().state_dict()
    converted = from_transformers(weights | {'head.extra.weight': torch.ones(1)})
    assert converted.unmapped == ['head.extra.weight']
    for name, fault in {
        'backbone.encoder.layer.1.attention.attention.key.weight': 'attn.qkv.weight',
        'backbone.embeddings.position_embeddings': 'backbone.pos_embed',
        'head.batchnorm2.running_mean': 'head.deconv_layers.4.running_mean',
    }.items():
        with pytest.raises(ValueError, match=f'becomes .*{fault}'):
            from_transformers({k: v for k, v in weights.items() if k != name})


def test_refuses_folders_where_the_library_is_too_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A library without ViTPose.
    monkeypatch.setitem(sys.modules, 'transformers', ModuleType('transformers'))
    with pytest.raises(ValueError, match='needs transformers 4.48 or later'):
        read_folder(str(tmp_path))
