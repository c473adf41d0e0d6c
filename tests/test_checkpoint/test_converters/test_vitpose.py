"""Checkpoints of the original ViTPose repository."""

import pytest
import torch
from mmpose.registry import MODELS

from tests.test_checkpoint.test_converters.library import (
    needs_vitpose,
    original_names,
    vitpose,
)
from vlpose_mm.checkpoint.converters.vitpose import from_vitpose

pytestmark = needs_vitpose


def test_mmposes_model_computes_the_repositorys_heatmaps(base_cfg: dict) -> None:
    # The library's ViTPose has the repository's arithmetic.
    library = vitpose()
    weights = original_names(library)
    converted = from_vitpose(weights)
    assert converted.unmapped == []
    assert converted.state_dict['backbone.pos_embed'].shape == (1, 48, 32)
    base_cfg['head'].update(deconv_out_channels=(256, 256))
    model = MODELS.build(base_cfg).eval()
    model.load_state_dict(converted.state_dict)
    images = torch.randn(2, 3, 128, 96)
    with torch.no_grad():
        found, expected = model(images, None), library(images).heatmaps
    assert (found - expected).abs().max() < 1e-5 * expected.abs().max()
    # The class token is omitted, and other heads are listed.
    heads = {f'associate_keypoint_heads.{i}.final.bias': torch.ones(1) for i in (0, 1)}
    more = from_vitpose(weights | heads | {'backbone.cls_token': torch.ones(1, 1, 32)})
    assert more.unmapped == list(heads)
    assert more.state_dict.keys() == converted.state_dict.keys()


@pytest.mark.parametrize(
    ('omitted', 'added', 'fault'),
    [
        ('-', 'backbone.blocks.0.mlp.experts.0.weight', 'mixture of experts; first split'),
        ('.deconv_layers.', 'keypoint_head.final_layer.bias', 'simple decoder'),
        ('blocks.1.mlp.fc2.bias', 'stem', r'becomes backbone.layers.1.ffn.layers.1.bias;'),
        ('.', 'stem.weight', r'\(and \d+ more\); the file is of another kind'),
    ],
)
def test_other_and_incomplete_models_are_refused(
    omitted: str, added: str, fault: str
) -> None:
    weights = {k: v for k, v in original_names(vitpose()).items() if omitted not in k}
    with pytest.raises(ValueError, match=fault):
        from_vitpose(weights | {added: torch.ones(1)})
