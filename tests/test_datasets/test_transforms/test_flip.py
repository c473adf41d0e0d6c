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


def flip(sample: dict, **settings) -> list[dict]:
    """The sample flipped by MMPose's transform and by ours."""
    flipped = []
    for name in ('RandomFlip', 'ContiguousRandomFlip'):
        transform = TRANSFORMS.build(dict(type=name, **settings))
        flipped.append(transform(copy.deepcopy(sample)))
    return flipped


@pytest.mark.parametrize('direction', ['horizontal', 'vertical', 'diagonal'])
def test_equals_mmposes_with_a_contiguous_image(direction: str, sample: dict) -> None:
    theirs, ours = flip(sample, direction=direction, prob=1.0)
    assert theirs.keys() == ours.keys()
    for key, value in theirs.items():
        np.testing.assert_array_equal(ours[key], value, err_msg=key)
    assert not theirs['img'].flags.c_contiguous
    assert ours['img'].flags.c_contiguous


def test_flips_the_same_samples_as_mmposes_with_a_seed(sample: dict) -> None:
    chosen = []
    for name in ('RandomFlip', 'ContiguousRandomFlip'):
        transform = TRANSFORMS.build(dict(type=name))
        np.random.seed(0)
        results = [transform(copy.deepcopy(sample)) for _ in range(20)]
        chosen.append([result['flip'] for result in results])
        for result in results:
            same = np.array_equal(result['img'], sample['img'])
            assert same != result['flip']
    assert chosen[0] == chosen[1] and len(set(chosen[0])) == 2


@pytest.mark.parametrize(
    'edit', [lambda img: [img, img], lambda img: img[..., :1], lambda img: img > 9]
)
def test_flips_lists_single_channels_and_other_types(edit: Callable, sample: dict) -> None:
    sample['img'] = edit(sample['img'])
    theirs, ours = flip(sample, prob=1.0)
    np.testing.assert_array_equal(theirs['img'], ours['img'])
