"""OKS of single keypoints, by its formula."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from tests.test_evaluation.conftest import SIGMAS
from vlpose_mm.evaluation.functional.scenario_evaluation import ScenarioEvaluation


@pytest.fixture(scope='module')
def small(coco_of: Callable) -> ScenarioEvaluation:
    """A sketch of two, a mural without results, a photo without instances."""

    def keypoints(x: float, slope: float, third: Callable) -> list[float]:
        points = [[x + slope * i, 20 + i, third(i)] for i in range(17)]
        return sum(points, [])

    def instance(id: int, image_id: int, x: float, unlabeled: tuple[int, ...]) -> dict:
        return dict(
            id=id,
            image_id=image_id,
            category_id=1,
            iscrowd=0,
            area=900.0,
            bbox=[x, 20, 40, 50],
            keypoints=keypoints(x, 1, lambda i: 0 if i in unlabeled else 2),
        )

    def result(x: float, dx: float, score: float) -> dict:
        points = keypoints(x, 1 + dx, lambda i: 0.5)
        return dict(image_id=1, category_id=1, keypoints=points, score=score)

    content = dict(
        images=[dict(id=1, category='sketch'), dict(id=2, category='mural'), dict(id=3)],
        annotations=[
            instance(1, 1, 10, (3,)),
            instance(2, 1, 100, (3, 4)),
            instance(3, 2, 10, (3,)),
        ],
        categories=[dict(id=1)],
    )
    # The one with the highest score is not the nearest.
    results = [result(10, 1.0, 0.9), result(10, 0.5, 0.2), result(100, 0.25, 0.5)]
    return ScenarioEvaluation(coco_of(content), results, SIGMAS)


def oks(i: int, distance: float, area: float = 900.0) -> float:
    return math.exp(-(distance**2) / (2 * area * (2 * SIGMAS[i]) ** 2))


def test_labeled_keypoints_are_compared_with_the_nearest_result(
    small: ScenarioEvaluation,
) -> None:
    expected = [(oks(i, 0.5 * i) + oks(i, 0.25 * i)) / 2 for i in range(17)]
    expected[3], expected[4] = math.nan, oks(4, 2.0)
    np.testing.assert_allclose(small.keypoint_oks('sketch'), expected, rtol=1e-6)


def test_instances_without_results_have_zero(small: ScenarioEvaluation) -> None:
    expected = np.zeros(17)
    expected[3] = math.nan
    np.testing.assert_array_equal(small.keypoint_oks('mural'), expected)
    everything = small.keypoint_oks()[16]
    np.testing.assert_allclose(everything, (oks(16, 8) + oks(16, 4)) / 3, rtol=1e-6)
    assert np.isnan(small.keypoint_oks('photos')).all()


def test_image_oks_is_the_mean_over_instances(small: ScenarioEvaluation) -> None:
    first = np.mean([oks(i, 0.5 * i) for i in range(17) if i != 3])
    second = np.mean([oks(i, 0.25 * i) for i in range(17) if i not in (3, 4)])
    assert small.image_oks() == {1: pytest.approx((first + second) / 2), 2: 0.0}


def test_without_area_the_bbox_is_the_scale(small: ScenarioEvaluation) -> None:
    results = small.coco_dt.dataset['annotations']
    by_bbox = ScenarioEvaluation(small.coco_gt, results, SIGMAS, use_area=False)
    expected = (oks(16, 8, 0.53 * 40 * 50) + oks(16, 4, 0.53 * 40 * 50)) / 2
    assert by_bbox.keypoint_oks('sketch')[16] == pytest.approx(expected)
