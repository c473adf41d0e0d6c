"""The OKS of single keypoints, by its formula."""

import math

import numpy as np
import pytest

from tests.test_evaluation.synthetic import metainfo
from vlpose_mm.evaluation.functional.coco_files import read_annotations
from vlpose_mm.evaluation.functional.scenario_evaluation import ScenarioEvaluation

SIGMAS = metainfo()['sigmas']


@pytest.fixture
def evaluation(tmp_path) -> ScenarioEvaluation:
    """A sketch with two people, a mural where nothing was found, a photo of nobody."""
    from tests.test_evaluation.synthetic import write

    def person(id: int, image_id: int, x: float, unlabeled: tuple[int, ...]) -> dict:
        points = [[x + i, 20 + i, 0 if i in unlabeled else 2] for i in range(17)]
        return dict(
            id=id,
            image_id=image_id,
            category_id=1,
            iscrowd=0,
            area=900.0,
            bbox=[x, 20, 40, 50],
            keypoints=[value for point in points for value in point],
        )

    def found(x: float, dx: float, score: float) -> dict:
        points = [[x + i + dx * i, 20 + i, 0.5] for i in range(17)]
        keypoints = [value for point in points for value in point]
        return dict(image_id=1, category_id=1, keypoints=keypoints, score=score)

    images = [dict(id=1, category='sketch'), dict(id=2, category='mural'), dict(id=3)]
    people = [person(1, 1, 10, (3,)), person(2, 1, 100, (3, 4)), person(3, 2, 10, (3,))]
    content = dict(images=images, annotations=people, categories=[dict(id=1)])
    truth = read_annotations(write(content, tmp_path / 'ann.json'))
    # The surest is not the nearest.
    given = [found(10, 1.0, 0.9), found(10, 0.5, 0.2), found(100, 0.25, 0.5)]
    return ScenarioEvaluation(truth, given, SIGMAS)


def oks(i: int, distance: float, area: float = 900.0) -> float:
    return math.exp(-(distance**2) / (2 * area * (2 * SIGMAS[i]) ** 2))


def test_the_nearest_of_what_was_found_counts_and_labeled_keypoints_alone(
    evaluation: ScenarioEvaluation,
) -> None:
    expected = [(oks(i, 0.5 * i) + oks(i, 0.25 * i)) / 2 for i in range(17)]
    expected[3], expected[4] = math.nan, oks(4, 2.0)
    np.testing.assert_allclose(evaluation.keypoint_oks('sketch'), expected, rtol=1e-6)


def test_people_who_were_not_found_have_zero(evaluation: ScenarioEvaluation) -> None:
    expected = np.zeros(17)
    expected[3] = math.nan
    np.testing.assert_array_equal(evaluation.keypoint_oks('mural'), expected)
    both = evaluation.keypoint_oks()
    np.testing.assert_allclose(both[16], (oks(16, 8) + oks(16, 4)) / 3, rtol=1e-6)
    assert np.isnan(evaluation.keypoint_oks('photos')).all()


def test_of_a_image_counts_the_mean_over_its_people(
    evaluation: ScenarioEvaluation,
) -> None:
    first = np.mean([oks(i, 0.5 * i) for i in range(17) if i != 3])
    second = np.mean([oks(i, 0.25 * i) for i in range(17) if i not in (3, 4)])
    assert evaluation.oks() == {1: pytest.approx((first + second) / 2), 2: 0.0}


def test_without_area_people_are_as_large_as_their_box(
    evaluation: ScenarioEvaluation,
) -> None:
    found = evaluation.found.dataset['annotations']
    by_box = ScenarioEvaluation(evaluation.truth, found, SIGMAS, use_area=False)
    area = 0.53 * 40 * 50
    expected = (oks(16, 8, area) + oks(16, 4, area)) / 2
    assert by_box.keypoint_oks('sketch')[16] == pytest.approx(expected)
