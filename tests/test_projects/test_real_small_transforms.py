import numpy as np
import pytest

from projects.real_small.transforms import (
    RandomCut,
    RandomDownscale,
    RandomNeighbor,
    RandomSurroundings,
)

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


# Shoulders and hips, shoulders to hips and between them.
LINKS = [(5, 11), (6, 12), (5, 6), (11, 12)]


def person(value: int, x: int) -> dict:
    """A sample of one color whose torso begins at ``x``."""
    results = sample() | dict(img=np.full((H, W, 3), value, np.uint8), skeleton_links=LINKS)
    corners = dict(zip((5, 6, 11, 12), [(0, 0), (8, 0), (0, 16), (8, 16)], strict=True))
    for k, (dx, dy) in corners.items():
        results['keypoints'][0, k] = x + dx, 20 + dy
    results['bbox'] = np.array([[x, 20, x + 8, 36]], np.float32)
    return results


def test_neighbor_is_painted_beside_the_person_or_behind() -> None:
    transform = RandomNeighbor(prob=1.0, scale_factor=(1.0, 1.0))
    first = transform(person(200, 16))
    assert (first['img'] == 200).all()

    kept = 0
    for _ in range(20):
        before = person(100, 16)
        results = transform(person(100, 16))
        image = results['img'][..., 0]
        transform.seen.pop()
        # A torso of 8 x 16 pixels and its limbs, or half of it.
        assert 8 * 16 / 2 < np.count_nonzero(image > 150) < 8 * 16 * 3
        # Far from both nothing changed.
        assert (image[:4] == 100).all() and (image[-4:] == 100).all()
        kept += (image[24:32, 19:21] == 100).all()
        for key in ('bbox', 'keypoints', 'keypoints_visible'):
            np.testing.assert_array_equal(results[key], before[key])
    assert 3 < kept < 17


def test_person_without_a_whole_torso_is_nobodys_neighbor() -> None:
    transform = RandomNeighbor(prob=1.0)
    hidden = person(200, 16)
    hidden['keypoints_visible'][0, 5] = 0
    transform(hidden)

    assert (transform(person(100, 16))['img'] == 100).all()


def test_downscale_takes_details_and_keeps_the_size() -> None:
    checkers = np.indices((H, W)).sum(0) % 2 * 255
    image = np.repeat(checkers[..., None], 3, 2).astype(np.uint8)

    results = RandomDownscale(prob=1.0, min_size=10)(sample() | dict(img=image))

    assert results['img'].shape == image.shape
    assert results['img'].std() < 0.7 * image.std()


def test_downscale_leaves_a_small_person() -> None:
    results = RandomDownscale(prob=1.0, min_size=60)(sample())

    np.testing.assert_array_equal(results['img'], sample()['img'])
