"""Checkpoints of the original ViTPose repository."""

import pytest
import torch
from mmpose.registry import MODELS

from tests.test_checkpoint.test_converters.library import original_names, vitpose
from vlpose_mm.checkpoint.converters.vitpose import from_vitpose


def test_a_stock_model_computes_the_repositorys_heatmaps(base_cfg: dict) -> None:
    # The library's ViTPose has the repository's arithmetic.
    library = vitpose()
    converted = from_vitpose(original_names(library))
    assert converted.unmapped == []
    assert converted.state_dict['backbone.pos_embed'].shape == (1, 48, 32)
    base_cfg['head'].update(deconv_out_channels=(256, 256))
    model = MODELS.build(base_cfg).eval()
    model.load_state_dict(converted.state_dict)
    images = torch.randn(2, 3, 128, 96)
    with torch.no_grad():
        found, expected = model(images, None), library(images).heatmaps
    assert (found - expected).abs().max() < 1e-5 * expected.abs().max()


def test_leaves_out_the_class_token_and_lists_other_heads() -> None:
    weights = original_names(vitpose())
    heads = {
        f'associate_keypoint_heads.{i}.final_layer.bias': torch.ones(1) for i in (0, 1)
    }
    converted = from_vitpose(weights | heads | {'backbone.cls_token': torch.ones(1, 1, 32)})
    assert converted.unmapped == list(heads)
    assert converted.state_dict.keys() == from_vitpose(weights).state_dict.keys()


def test_refuses_what_our_model_cannot_express() -> None:
    weights = original_names(vitpose())
    experts = {'backbone.blocks.0.mlp.experts.0.weight': torch.ones(1)}
    with pytest.raises(ValueError, match='mixture of experts; first split it'):
        from_vitpose(weights | experts)
    simple = {k: v for k, v in weights.items() if '.deconv_layers.' not in k}
    with pytest.raises(ValueError, match='simple decoder'):
        from_vitpose(simple)


def test_refuses_what_is_incomplete_or_no_vitpose() -> None:
    weights = original_names(vitpose())
    del weights['backbone.blocks.1.mlp.fc2.bias']
    with pytest.raises(ValueError, match=r'becomes backbone.layers.1.ffn.layers.1.bias;'):
        from_vitpose(weights)
    with pytest.raises(ValueError, match=r'\(and \d+ more\); the file is of another kind'):
        from_vitpose({'stem.conv.weight': torch.ones(1)})
