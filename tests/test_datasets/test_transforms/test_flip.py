"""ContiguousRandomFlip does what MMPose's RandomFlip does."""

import copy
from collections.abc import Callable

import numpy as np
import pytest
from mmpose.datasets.datasets import CocoDataset
from mmpose.registry import TRANSFORMS

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 256, (48, 64, 3), dtype=np.uint8)
SAMPLE = dict(
    img=IMAGE,
    img_shape=(48, 64),
    bbox=np.array([[8.0, 4.0, 40.0, 44.0]]),
    bbox_center=np.array([[24.0, 24.0]]),
    keypoints=RNG.uniform(0, 48, (1, 17, 2)),
    keypoints_visible=np.ones((1, 17)),
    flip_indices=CocoDataset(lazy_init=True).metainfo['flip_indices'],
)


def flip(sample: dict, times: int = 1, **settings) -> list[list[dict]]:
    """The sample flipped by MMPose's transform and by ours, with the same seed."""
    flipped = []
    for name in ('RandomFlip', 'ContiguousRandomFlip'):
        transform = TRANSFORMS.build(dict(type=name, **settings))
        np.random.seed(0)
        flipped.append([transform(copy.deepcopy(sample)) for _ in range(times)])
    return flipped


@pytest.mark.parametrize('direction', ['horizontal', 'vertical', 'diagonal'])
def test_equals_mmposes_with_a_contiguous_image(direction: str) -> None:
    theirs, ours = flip(SAMPLE, 10, direction=direction)
    assert {sample['flip'] for sample in ours} == {True, False}
    for their, our in zip(theirs, ours, strict=True):
        assert their.keys() == our.keys() and our['img'].flags.c_contiguous
        for key, value in their.items():
            np.testing.assert_array_equal(our[key], value, err_msg=key)
        assert our['flip'] != their['img'].flags.c_contiguous


@pytest.mark.parametrize(
    'edit', [lambda img: [img, img], lambda img: img[..., :1], lambda img: img > 9]
)
def test_flips_lists_single_channels_and_other_types(edit: Callable) -> None:
    (theirs,), (ours,) = flip(dict(SAMPLE, img=edit(IMAGE)), prob=1.0)
    np.testing.assert_array_equal(theirs['img'], ours['img'])
