"""Heatmaps of a batch are decoded as MMPose decodes each."""

import numpy as np
import pytest
import torch
from mmpose.codecs import UDPHeatmap
from mmpose.registry import MODELS

from vlpose_mm.codecs import BatchedUDPHeatmap, udp_heatmap

SIZES = dict(input_size=(96, 128), heatmap_size=(24, 32), sigma=1.5)


def make_heatmaps(count: int, noise: float, keypoints: int = 17) -> torch.Tensor:
    """Make peaks, also at and beyond the edges, and noise."""
    rng = np.random.default_rng(0)
    w, h = SIZES['heatmap_size']
    x, y = rng.uniform(-2, 2, (2, count, keypoints, 1, 1))
    x, y = (x + 2) * (w + 2) / 4 - 1, (y + 2) * (h + 2) / 4 - 1
    columns, rows = np.meshgrid(np.arange(w), np.arange(h))
    peaks = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 4.5)
    peaks = peaks * rng.uniform(0.05, 1, x.shape) + rng.normal(0, noise, peaks.shape)
    return torch.from_numpy(peaks.astype(np.float32))


def assert_equal(codec: UDPHeatmap, heatmaps: torch.Tensor) -> None:
    """Compare to the last bit."""
    found = BatchedUDPHeatmap.of(codec).batch_decode(heatmaps)
    expected = [codec.decode(each.numpy()) for each in heatmaps]
    for own, others in zip(found, zip(*expected, strict=True), strict=True):
        for one, other in zip(own, others, strict=True):
            np.testing.assert_array_equal(one, other, strict=True)


@pytest.mark.fast
@pytest.mark.parametrize('noise', [0.0, 0.02, 1.0])
def test_a_batch_is_decoded_as_mmpose_decodes_each_to_the_last_bit(noise) -> None:
    assert_equal(UDPHeatmap(**SIZES), make_heatmaps(udp_heatmap.AT_ONCE + 3, noise))


@pytest.mark.parametrize('value', [0.0, -1.0])
def test_heatmaps_without_a_peak_are_decoded_as_mmpose_does(value) -> None:
    heatmaps = make_heatmaps(3, 0.02)
    heatmaps[1, 4] = value
    assert_equal(UDPHeatmap(**SIZES), heatmaps)


def test_other_heatmaps_are_decoded_as_mmpose_does() -> None:
    assert_equal(UDPHeatmap(**SIZES), make_heatmaps(2, 0.02, keypoints=1))
    combined = UDPHeatmap(**SIZES, heatmap_type='combined')
    assert_equal(combined, make_heatmaps(2, 0.02, keypoints=3 * 17))


def test_a_vlpose_decodes_a_batch_at_once(vlpose_cfg, base_cfg, make_sample) -> None:
    vlpose, base = MODELS.build(vlpose_cfg).eval(), MODELS.build(base_cfg).eval()
    assert type(vlpose.head.decoder) is BatchedUDPHeatmap
    assert type(base.head.decoder) is UDPHeatmap
