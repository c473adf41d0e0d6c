"""Scores of predictions whose errors are known."""

import json
from pathlib import Path

import numpy as np
import pytest

from projects.real_images.predictions import Predictions
from projects.real_images.scores import pck, score
from projects.real_images.sets import RealSet, read_sets


def instance(points: np.ndarray, labeled: int = 17) -> dict:
    flags = np.where(np.arange(17) < labeled, 2, 0)
    keypoints = np.column_stack([points, flags]).ravel().tolist()
    return dict(keypoints=keypoints, bbox=[0, 0, 50, 100], num_keypoints=labeled)


def test_pck_counts_keypoints_within_a_tenth_of_the_long_side() -> None:
    points = np.random.default_rng(0).uniform(0, 100, (17, 2))
    found = points.copy()
    found[:4, 0] += 9.9
    found[4:10, 0] += 10.1
    assert pck(instance(points), [instance(found)]) == pytest.approx(11 / 17)
    # Of those that are labeled.
    assert pck(instance(points, labeled=8), [instance(found)]) == pytest.approx(4 / 8)


def test_pck_is_of_the_nearest_result_and_0_without_any() -> None:
    points = np.random.default_rng(0).uniform(0, 100, (17, 2))
    results = [instance(points + 50), instance(points + 1)]
    assert pck(instance(points), results) == 1
    assert pck(instance(points), []) == 0


@pytest.fixture
def real_set(root, tmp_path: Path) -> RealSet:
    return read_sets(root.path, tmp_path, ['coco_subset', 'coco_painted'])[0]


def predictions(
    real_set: RealSet, folder: Path, offset: float, routes: list
) -> Predictions:
    """The annotations as predictions, the keypoints of the first image off by pixels."""
    results = []
    for i, instances in enumerate(real_set.instances.values()):
        for each in instances:
            keypoints = np.reshape(each['keypoints'], (-1, 3)) + [offset * (i == 0), 0, 0]
            result = {key: each[key] for key in ('image_id', 'category_id')}
            results.append(dict(result, keypoints=keypoints.ravel().tolist(), score=0.9))
    file = folder / 'found.json'
    file.write_text(json.dumps(results))
    ids = [image['id'] for image in real_set.images]
    taken = dict(zip(ids, routes, strict=True))
    return Predictions('model', 'auto', 'true', real_set.name, file, taken)


def test_perfect_predictions_have_perfect_scores(real_set, tmp_path: Path) -> None:
    row = score(real_set, predictions(real_set, tmp_path, 0, ['original', 'original']))
    scores = row['subsets']['all']
    assert scores.pop('instances') == 4
    assert set(scores.values()) == {1.0}
    assert (row['right_domain'], row['images']) == (1.0, 2)


def test_a_subset_has_scores_of_its_own(real_set, tmp_path: Path) -> None:
    row = score(real_set, predictions(real_set, tmp_path, 7, ['original', 'tuned']))
    # The painted photo is the first.
    assert row['subsets']['painted']['PCK'] < 0.6 and row['subsets']['painted']['AP'] < 0.5
    assert row['subsets']['all']['PCK'] > 0.5 and row['right_domain'] == 0.5


def test_people_with_few_keypoints_count_for_ap_but_not_for_oks_and_pck(
    root, tmp_path: Path
) -> None:
    def change(content: dict) -> None:
        for each in content['annotations'][:2]:
            each['keypoints'][3 * 8 :] = [0] * (51 - 3 * 8)
            each['num_keypoints'] = 3

    root.edit('coco_subset', change)
    real_set = read_sets(root.path, tmp_path, ['coco_subset', 'coco_painted'])[0]
    row = score(real_set, predictions(real_set, tmp_path, 30, ['original'] * 2))
    scores = row['subsets']['all']
    assert scores['PCK'] == scores['OKS'] == 1 and scores['instances'] == 4
    assert scores['PCK_all'] < 0.8 and scores['AP'] < 0.8
    assert row['subsets']['painted']['PCK'] is None
