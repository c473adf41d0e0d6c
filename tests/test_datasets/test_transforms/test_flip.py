"""ContiguousRandomFlip does what MMPose's RandomFlip does."""

import copy
from collections.abc import Callable

import numpy as np
import pytest
from mmpose.datasets.datasets import CocoDataset
from mmpose.registry import TRANSFORMS


@pytest.fixture
def sample() -> dict:
    rng = np.random.default_rng(0)
    return dict(
        img=rng.integers(0, 256, (48, 64, 3), dtype=np.uint8),
        img_shape=(48, 64),
        bbox=np.array([[8.0, 4.0, 40.0, 44.0]]),
        bbox_center=np.array([[24.0, 24.0]]),
        keypoints=rng.uniform(0, 48, (1, 17, 2)),
        keypoints_visible=np.ones((1, 17)),
        flip_indices=CocoDataset(lazy_init=True).metainfo['flip_indices'],
    )


@pytest.mark.parametrize('direction', ['horizontal', 'vertical', 'diagonal'])
def test_pixels_boxes_and_keypoints_are_those_of_mmpose(
    direction: str, sample: dict
) -> None:
    flipped = []
    for name in ('RandomFlip', 'ContiguousRandomFlip'):
        flip = TRANSFORMS.build(dict(type=name, direction=direction, prob=1.0))
        flipped.append(flip(copy.deepcopy(sample)))
    want, got = flipped
    assert want.keys() == got.keys()
    for key, value in want.items():
        np.testing.assert_array_equal(got[key], value, err_msg=key)
    assert not want['img'].flags.c_contiguous
    assert got['img'].flags.c_contiguous


def test_a_sample_that_is_not_flipped_stays(sample: dict) -> None:
    flip = TRANSFORMS.build(dict(type='ContiguousRandomFlip', prob=0.0))
    got = flip(copy.deepcopy(sample))
    assert got['flip'] is False
    np.testing.assert_array_equal(got['img'], sample['img'])


def test_both_flip_the_same_samples_of_a_seed(sample: dict) -> None:
    chosen = []
    for name in ('RandomFlip', 'ContiguousRandomFlip'):
        flip = TRANSFORMS.build(dict(type=name))
        np.random.seed(0)
        chosen.append([flip(copy.deepcopy(sample))['flip'] for _ in range(20)])
    assert chosen[0] == chosen[1]
    assert len(set(chosen[0])) == 2


@pytest.mark.parametrize(
    'change', [lambda p: [p, p], lambda p: p[..., :1], lambda p: p > 9]
)
def test_other_kinds_of_images_are_flipped_too(change: Callable, sample: dict) -> None:
    sample['img'] = change(sample['img'])
    flipped = []
    for name in ('RandomFlip', 'ContiguousRandomFlip'):
        flip = TRANSFORMS.build(dict(type=name, prob=1.0))
        flipped.append(flip(copy.deepcopy(sample))['img'])
    np.testing.assert_array_equal(*flipped)
