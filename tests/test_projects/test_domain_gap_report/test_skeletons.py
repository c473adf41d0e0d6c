"""Skeletons on images."""

import numpy as np

from projects.domain_gap_report.skeletons import SkeletonPainter


def person(confidence: float = 0.01) -> dict:
    points = np.zeros((17, 3))
    points[:, :2] = np.random.default_rng(0).uniform(10, 90, (17, 2))
    points[:, 2] = confidence
    return dict(keypoints=points.flatten().tolist())


def test_draws_even_unsure_keypoints_on_an_enlarged_copy() -> None:
    image = np.full((100, 80, 3), 128, np.uint8)
    drawn = SkeletonPainter().paint(image, [person()], 2.0)
    assert drawn.shape == (200, 160, 3)
    assert (image == 128).all()
    # A keypoint lies where its coordinates, twice as large, say.
    x, y = (2 * np.array(person()['keypoints'][:2])).round().astype(int)
    assert (drawn[y, x] != 128).any()


def test_draws_nothing_where_nobody_was_found() -> None:
    image = np.full((100, 80, 3), 128, np.uint8)
    assert (SkeletonPainter().paint(image, [], 1.0) == 128).all()


def test_a_pair_stands_side_by_side_and_broad_images_are_lower() -> None:
    painter = SkeletonPainter()
    high = painter.paint_pair(np.zeros((100, 80, 3), np.uint8), [[], [person()]], 200, 10)
    assert high.shape == (200, 160 + 10 + 160, 3)
    assert (high[:, 160:170] == 255).all()
    assert not high[:, :160].any() and high[:, 170:].any()
    broad = painter.paint_pair(np.zeros((50, 200, 3), np.uint8), [[], []], 200, 10)
    assert broad.shape == (60, 490, 3)
