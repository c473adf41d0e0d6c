import numpy as np
import pytest

from projects.real_small.transforms import RandomCut, RandomSurroundings

H, W = 60, 40


@pytest.fixture(autouse=True)
def seed() -> None:
    np.random.seed(0)


def sample() -> dict:
    """A sample whose keypoints are on pixels with their index as value."""
    image = np.zeros((H, W, 3), np.uint8)
    keypoints = np.array([[[6 + 2 * k, 5 + 3 * k] for k in range(17)]], np.float32)
    for k, (x, y) in enumerate(keypoints[0].astype(int)):
        image[y, x] = k + 1
    return dict(
        img=image,
        img_shape=(H, W),
        ori_shape=(H, W),
        bbox=np.array([[4, 4, 39, 56]], np.float32),
        keypoints=keypoints,
        keypoints_visible=np.ones((1, 17), np.float32),
    )


def check_keypoints(results: dict) -> int:
    """Check that each visible keypoint is still on its pixel; count them."""
    visible = np.flatnonzero(results['keypoints_visible'][0])
    for k in visible:
        x, y = results['keypoints'][0, k].astype(int)
        assert results['img'][y, x, 0] == k + 1
    assert results['img'].shape[:2] == results['img_shape'] == results['ori_shape']
    return len(visible)


def test_surroundings_are_another_image_and_keypoints_stay_on_their_pixels() -> None:
    transform = RandomSurroundings(prob=1.0)
    transform(sample() | dict(img=np.full((H, W, 3), 200, np.uint8)))

    for _ in range(20):
        results = transform(sample())
        assert check_keypoints(results) == 17
    assert results['img_shape'] > (H, W)
    left, top, right, bottom = results['bbox'][0]
    assert (right - left, bottom - top) == (35, 52)


def test_first_image_has_no_surroundings() -> None:
    results = RandomSurroundings(prob=1.0)(sample())

    assert results['img_shape'] == (H, W)


def test_cut_hides_the_keypoints_outside_and_keeps_the_others_on_their_pixels() -> None:
    transform = RandomCut(prob=1.0)

    counts = set()
    for _ in range(40):
        results = transform(sample())
        counts.add(check_keypoints(results))
        left, top, right, bottom = results['bbox'][0]
        assert 0 <= left < right <= results['img'].shape[1]
        assert 0 <= top < bottom <= results['img'].shape[0]
    assert min(counts) >= transform.min_keypoints
    assert len(counts) > 3


def test_cut_leaves_an_image_with_few_keypoints() -> None:
    results = sample()
    results['keypoints_visible'][0, 4:] = 0

    assert RandomCut(prob=1.0)(results)['img_shape'] == (H, W)
