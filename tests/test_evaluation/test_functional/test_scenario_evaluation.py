"""Scores of a part are those of an annotation file of its own."""

import contextlib
import copy

import numpy as np
import pytest
from xtcocotools.cocoeval import COCOeval

from tests.test_evaluation import synthetic
from vlpose_mm.evaluation.functional.coco_files import read_annotations
from vlpose_mm.evaluation.functional.scenario_evaluation import ScenarioEvaluation

SIGMAS = synthetic.metainfo()['sigmas']


@pytest.fixture(scope='module')
def content() -> dict:
    return synthetic.annotations()


@pytest.fixture(scope='module')
def evaluation(content: dict, tmp_path_factory) -> ScenarioEvaluation:
    path = tmp_path_factory.mktemp('synthetic') / 'ann.json'
    truth = read_annotations(synthetic.write(content, path))
    return ScenarioEvaluation(truth, synthetic.results(content), SIGMAS)


def cocos(evaluation: ScenarioEvaluation, img_ids: list[int]) -> COCOeval:
    """COCO's own evaluation of some images."""
    with contextlib.redirect_stdout(None):
        coco = COCOeval(evaluation.truth, evaluation.found, 'keypoints', SIGMAS)
        coco.params.imgIds = img_ids
        coco.evaluate()
        coco.accumulate()
        coco.summarize()
    return coco


def test_any_images_score_as_cocos_own_evaluation_of_them(
    evaluation: ScenarioEvaluation,
) -> None:
    rng = np.random.default_rng(0)
    for size in (3, 8, 15):
        img_ids = rng.permutation(list(evaluation.truth.imgs))[:size].tolist()
        coco = cocos(evaluation, img_ids)
        scores = evaluation.scores(img_ids)
        assert scores[:4] == tuple(coco.stats[[0, 1, 2, 5]])
        assert scores == evaluation.scores(reversed(img_ids * 2))
        for i, oks in ((0, 0.5), (9, 0.95)):
            recall, precision = evaluation.precision_recall(img_ids, oks)
            np.testing.assert_allclose(recall, np.arange(101) / 100)
            np.testing.assert_array_equal(precision, coco.eval['precision'][i, :, 0, 0, 0])
    assert 0.1 < evaluation.scores().AP < 0.9


def test_people_and_animals_count_as_coco_counts_them(content: dict, tmp_path) -> None:
    content, found = copy.deepcopy(content), synthetic.results(content)
    content['categories'].append(dict(id=3, name='horse'))
    for record in (*content['annotations'][::3], *found[::4]):
        record['category_id'] = 3
    truth = read_annotations(synthetic.write(content, tmp_path / 'ann.json'))
    evaluation = ScenarioEvaluation(truth, found, SIGMAS)
    for part in ('all', 'sketch', 'artificial', 'cosplay'):
        coco = cocos(evaluation, evaluation.images(part))
        assert evaluation.scores(part)[:4] == tuple(coco.stats[[0, 1, 2, 5]])
        precision = coco.eval['precision'][0, :, :, 0, 0].mean(axis=1)
        curve = evaluation.precision_recall(part, 0.5)[1]
        np.testing.assert_allclose(curve, precision, rtol=1e-12)


def test_of_a_image_counts_the_best_of_everything_found_for_its_people(
    evaluation: ScenarioEvaluation, content: dict
) -> None:
    def oks(person: dict, found: dict) -> float:
        truth = np.reshape(person['keypoints'], (17, 3))
        points = np.reshape(found['keypoints'], (17, 3))
        distance = np.linalg.norm(points[:, :2] - truth[:, :2], axis=1)
        values = np.exp(-(distance**2) / (2 * person['area'] * (2 * SIGMAS) ** 2))
        return values[truth[:, 2] > 0].mean()

    by_image = {}
    for person in content['annotations']:
        if person['num_keypoints'] and not person['iscrowd']:
            there = evaluation.found.imgToAnns[person['image_id']]
            best = max((oks(person, found) for found in there), default=0)
            by_image.setdefault(person['image_id'], []).append(best)
    expected = {img_id: np.mean(values) for img_id, values in by_image.items()}
    assert evaluation.oks() == pytest.approx(expected)
    assert 0 in expected.values() and len(expected) < len(evaluation.truth.imgs)


def test_the_summary_of_a_crowd_changes_nothing_else(content: dict, tmp_path) -> None:
    truth = read_annotations(synthetic.write(content, tmp_path / 'ann.json'))
    found = synthetic.results(content)
    evaluation = ScenarioEvaluation(truth, found, SIGMAS, 'keypoints_crowd', use_area=False)
    with contextlib.redirect_stdout(None):
        first, metrics = evaluation.summarize(), evaluation.metrics()
        np.testing.assert_array_equal(evaluation.summarize(), first)
    again = ScenarioEvaluation(truth, found, SIGMAS, 'keypoints_crowd', use_area=False)
    assert again.metrics() == metrics and again.scores().AP == first[0]


def test_matches_once_whatever_is_asked(
    evaluation: ScenarioEvaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    match = COCOeval.evaluateImg
    monkeypatch.setattr(
        COCOeval, 'evaluateImg', lambda *args: calls.append(1) or match(*args)
    )
    again = ScenarioEvaluation(evaluation.truth, evaluation.found, SIGMAS)
    assert again.metrics() == evaluation.metrics()
    again.oks(), again.keypoint_oks('sketch'), again.precision_recall('all', 0.5)
    assert len(calls) == len(evaluation.truth.imgs)
    with contextlib.redirect_stdout(None):
        again.summarize()
    # The summary asks for medium and for large people as well.
    assert len(calls) == 3 * len(evaluation.truth.imgs)


def test_people_are_those_with_labels_who_are_no_crowd(
    evaluation: ScenarioEvaluation, content: dict
) -> None:
    for name in synthetic.CATEGORIES:
        img_ids = synthetic.images(content, [name])
        people = [
            person
            for person in content['annotations']
            if person['image_id'] in img_ids
            and person['num_keypoints']
            and not person['iscrowd']
        ]
        assert evaluation.scores(name).people == len(people)
        assert (len(people) == 0) == (name == synthetic.WITHOUT_PEOPLE)


def test_where_there_are_no_people_there_is_minus_one_which_no_mean_counts(
    evaluation: ScenarioEvaluation,
) -> None:
    assert evaluation.scores('cosplay') == (-1, -1, -1, -1, 0)
    assert evaluation.scores([]) == (-1, -1, -1, -1, 0)
    assert (evaluation.precision_recall('cosplay', 0.5)[1] == -1).all()
    metrics = evaluation.metrics()
    assert metrics['cosplay/AP'] == -1
    counted = [name for name in evaluation.scenarios if name != 'cosplay']
    for key in ('AP', 'AP50', 'AP75', 'AR'):
        mean = np.mean([metrics[f'{name}/{key}'] for name in counted])
        assert metrics[f'scenario_mean/{key}'] == pytest.approx(mean, abs=1e-12)
        mean = np.mean([metrics[f'{name}/{key}'] for name in synthetic.GROUPS])
        assert metrics[f'group_mean/{key}'] == pytest.approx(mean, abs=1e-12)


def test_the_gap_is_natural_minus_artificial_where_there_are_both(
    evaluation: ScenarioEvaluation, content: dict, tmp_path
) -> None:
    metrics = evaluation.metrics()
    assert metrics['gap/AP'] == metrics['natural/AP'] - metrics['artificial/AP'] != 0
    art = synthetic.alone(content, synthetic.images(content, ['relief', 'cosplay']))
    truth = read_annotations(synthetic.write(art, tmp_path / 'art.json'))
    some = ScenarioEvaluation(truth, [], SIGMAS)
    # Nobody is on the natural images.
    assert some.gap() is None and 'gap/AP' not in some.metrics()
    assert some.metrics()['natural/AP'] == -1 and some.metrics()['artificial/AP'] == 0


def test_a_set_of_nobody_has_no_scores(content: dict, tmp_path) -> None:
    nobody = synthetic.alone(content, synthetic.images(content, ['cosplay']))
    truth = read_annotations(synthetic.write(content, tmp_path / 'a.json'))
    truth.dataset = nobody
    with contextlib.redirect_stdout(None):
        truth.createIndex()
    metrics = ScenarioEvaluation(truth, [], SIGMAS).metrics()
    assert metrics['scenario_mean/AP'] == metrics['natural/AP'] == -1
    assert metrics['people'] == 0 and 'artificial/AP' not in metrics


def test_a_further_scenario_counts_among_the_artificial_ones(
    evaluation: ScenarioEvaluation,
) -> None:
    assert set(evaluation.scenarios['pixel_art']) <= set(evaluation.images('artificial'))
    assert evaluation.groups['other'] == evaluation.scenarios['pixel_art']
    assert 'other/AP' in evaluation.metrics()


def test_parts_are_complete(evaluation: ScenarioEvaluation) -> None:
    everything = sorted(evaluation.truth.imgs)
    for parts in (evaluation.scenarios, evaluation.groups, evaluation.sides):
        assert sorted(img_id for ids in parts.values() for img_id in ids) == everything


def test_leaves_the_given_records_as_they_were(
    evaluation: ScenarioEvaluation, content: dict
) -> None:
    found = synthetic.results(content)
    before = copy.deepcopy(found)
    ScenarioEvaluation(evaluation.truth, found, SIGMAS)
    assert found == before


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (lambda e: e.scores('Sketch'), "no part 'Sketch'; there are .*'sketch'"),
        (lambda e: e.scores([-5]), '1 images, such as -5, are not among'),
        (lambda e: e.precision_recall('all', 0.52), 'one of .*0.55.*, got 0.52'),
        (
            lambda e: ScenarioEvaluation(e.truth, [], SIGMAS, 'keypoints_foot'),
            "iou_type is one of .*'keypoints_crowd'.*, got 'keypoints_foot'",
        ),
    ],
)
def test_what_there_is_not_is_refused(
    evaluation: ScenarioEvaluation, call, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        call(evaluation)
