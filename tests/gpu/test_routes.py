"""Both routes on the device compute what they should."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from torch import Tensor

from projects.benchmark.model_pair import ModelPair
from projects.benchmark.samples import make_batch


@pytest.fixture
def batch(config: Path, pair: ModelPair) -> dict:
    """Eight images with different text prompts, every second one for the original route."""
    batch = make_batch(Config.fromfile(config), 8, every_second=dict(route='original'))
    return pair.vlpose.data_preprocessor(batch, training=False)


@torch.no_grad()
def heatmaps(model: torch.nn.Module, batch: dict, route: str | None = None) -> Tensor:
    if route is not None:
        model.set_route(route)
    return model(**batch, mode='tensor')


def distance(result: Tensor, expected: Tensor) -> float:
    """Largest difference, as a part of the largest value."""
    return float((result - expected).abs().max() / expected.abs().max())


def test_original_route_is_the_base_model_bit_for_bit(pair: ModelPair, batch: dict) -> None:
    expected = heatmaps(pair.base, batch)
    assert torch.equal(heatmaps(pair.vlpose, batch, 'original'), expected)
    assert distance(heatmaps(pair.vlpose, batch, 'tuned'), expected) > 1e-2


def test_original_route_predicts_the_keypoints_of_the_base_model(
    pair: ModelPair, batch: dict
) -> None:
    pair.vlpose.set_route('original')
    with torch.no_grad():
        expected, samples = (model(**batch, mode='predict') for model in pair)
    for sample, wanted in zip(samples, expected, strict=True):
        for name in ('keypoints', 'keypoint_scores'):
            result = sample.pred_instances[name]
            assert (result == wanted.pred_instances[name]).all()


@pytest.mark.parametrize('route', ['original', 'tuned', 'auto'])
def test_the_device_agrees_with_the_cpu(pair: ModelPair, batch: dict, route: str) -> None:
    result = heatmaps(pair.vlpose, batch, route).cpu()
    pair.vlpose.to('cpu')
    on_cpu = dict(batch, inputs=batch['inputs'].cpu())
    assert distance(result, heatmaps(pair.vlpose, on_cpu, route)) < 1e-3


def test_a_mixed_batch_is_both_routes_side_by_side(pair: ModelPair, batch: dict) -> None:
    mixed = heatmaps(pair.vlpose, batch, 'auto')
    for start, route in ((0, 'tuned'), (1, 'original')):
        expected = heatmaps(pair.vlpose, batch, route)[start::2]
        assert distance(mixed[start::2], expected) < 1e-4


@pytest.mark.parametrize('route', ['original', 'tuned', 'auto'])
def test_bf16_stays_near_float32(
    pair: ModelPair, batch: dict, route: str, device: torch.device
) -> None:
    expected = heatmaps(pair.vlpose, batch, route)
    with torch.autocast(device.type, torch.bfloat16):
        result = heatmaps(pair.vlpose, batch, route)
    assert result.dtype == torch.float32
    assert 0 < distance(result, expected) < 1e-1
