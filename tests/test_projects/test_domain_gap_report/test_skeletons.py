"""Skeletons on images."""

import numpy as np

from projects.domain_gap_report.skeletons import SkeletonPainter


def test_paints_keypoints_of_low_scores_on_a_resized_copy() -> None:
    image = np.full((100, 80, 3), 128, np.uint8)
    points = np.full((17, 3), 0.01)
    points[:, :2] = np.random.default_rng(0).uniform(10, 70, (17, 2))
    result = dict(keypoints=points.flatten().tolist())
    painter = SkeletonPainter()
    drawn = painter.paint(image, [result], 2.0)
    assert drawn.shape == (200, 160, 3) and (image == 128).all()
    x, y = (2 * points[0, :2]).round().astype(int)
    assert (drawn[y, x] != 128).any()
    assert (painter.paint(image, [], 1.0) == 128).all()

    pair = painter.paint_pair(np.zeros_like(image), [[], [result]], 200, 10)
    assert pair.shape == (200, 160 + 10 + 160, 3)
    assert (pair[:, 160:170] == 255).all()
    assert not pair[:, :160].any() and pair[:, 170:].any()
    wide = painter.paint_pair(np.zeros((50, 200, 3), np.uint8), [[], []], 200, 10)
    assert wide.shape == (60, 490, 3)
