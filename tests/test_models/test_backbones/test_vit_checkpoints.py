"""Checkpoints of PromptedVisionTransformer."""

import copy

import pytest
import torch
import torch.nn.functional as F

from tests.test_models.test_backbones.test_vit import build


def test_takes_a_class_token_row_and_drops_it() -> None:
    source, target = build(), build(visual_prompt=dict(num_tokens=5))
    weights = source.state_dict()
    weights['cls_token'] = torch.randn(1, 1, 32)
    weights['pos_embed'] = torch.cat([torch.randn(1, 1, 32), weights['pos_embed']], dim=1)
    target.load_state_dict(weights, strict=False)
    image = torch.randn(1, 3, 128, 96)
    assert torch.equal(target.eval()(image, tuned=False)[0], source.eval()(image)[0])


@pytest.mark.parametrize(
    ('rows', 'source'), [(12, (4, 3)), (192, (16, 12)), (36, (6, 6)), (197, (14, 14))]
)
def test_interpolates_position_embeddings_of_other_sizes(
    rows: int, source: tuple[int, int]
) -> None:
    model = build()
    weights = model.state_dict()
    table = torch.randn(1, rows, 32)
    weights['pos_embed'] = table
    model.load_state_dict(weights)
    grid = table[:, -source[0] * source[1] :].reshape(1, *source, 32)
    grid = F.interpolate(
        grid.permute(0, 3, 1, 2), size=(8, 6), mode='bicubic', align_corners=False
    )
    torch.testing.assert_close(
        model.pos_embed.data, grid.permute(0, 2, 3, 1).reshape(1, 48, 32)
    )


def wider() -> dict:
    return build(
        arch=dict(embed_dims=64, num_layers=3, num_heads=4, feedforward_channels=64)
    ).state_dict()


def deeper() -> dict:
    return build(
        arch=dict(embed_dims=32, num_layers=4, num_heads=4, feedforward_channels=64)
    ).state_dict()


def cut() -> dict:
    weights = build().state_dict()
    del weights['layers.2.ln2.bias']
    return weights


@pytest.mark.parametrize(
    ('weights', 'fault'),
    [
        (wider, 'has shape'),
        (deeper, 'layers.3.* has no place'),
        (cut, 'layers.2.ln2.bias is missing'),
        (lambda: dict(foo=torch.zeros(1)), 'fits no part'),
    ],
)
def test_refuses_a_checkpoint_that_does_not_fit(weights: callable, fault: str) -> None:
    from mmengine.runner.checkpoint import load_state_dict

    model = build()
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match=fault):
        load_state_dict(model, weights())
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_a_checkpoint_without_final_norm_fits_as_mae_has_none() -> None:
    weights = build().state_dict()
    weights = {k: v for k, v in weights.items() if not k.startswith('ln1.')}
    model = build()
    model.load_state_dict(weights, strict=False)
    assert torch.equal(model.pos_embed, weights['pos_embed'])
