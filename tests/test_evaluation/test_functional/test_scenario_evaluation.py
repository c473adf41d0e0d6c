"""A subset scores as an annotation file of its images alone."""

import contextlib
import copy
from collections.abc import Callable

import numpy as np
import pytest
from xtcocotools.cocoeval import COCOeval

from tests.test_evaluation import synthetic
from tests.test_evaluation.conftest import SIGMAS, coco_eval
from vlpose_mm.evaluation.functional.matching import match, match_sizes
from vlpose_mm.evaluation.functional.scenario_evaluation import ScenarioEvaluation


@pytest.mark.fast
def test_any_images_score_as_in_cocos_own_evaluation(
    evaluation: ScenarioEvaluation,
) -> None:
    rng = np.random.default_rng(0)
    for size in (3, 8, 15):
        img_ids = rng.permutation(list(evaluation.coco_gt.imgs))[:size].tolist()
        coco = coco_eval(evaluation.coco_gt, evaluation.coco_dt, img_ids)
        scores = evaluation.scores(img_ids)
        assert scores[:4] == tuple(coco.stats[[0, 1, 2, 5]])
        assert scores == evaluation.scores(reversed(img_ids * 2))
        for i, oks in ((0, 0.5), (9, 0.95)):
            recall, precision = evaluation.precision_recall(img_ids, oks)
            np.testing.assert_allclose(recall, np.arange(101) / 100)
            np.testing.assert_array_equal(precision, coco.eval['precision'][i, :, 0, 0, 0])
    assert 0.1 < evaluation.scores().AP < 0.9


@pytest.mark.parametrize(
    ('iou_type', 'use_area'), [('keypoints', True), ('keypoints_crowd', False)]
)
def test_two_categories_and_all_sizes_match_as_in_cocos_own_evaluation(
    iou_type: str, use_area: bool, coco_of: Callable
) -> None:
    content, results = synthetic.two_categories()
    coco_gt = coco_of(content)
    evaluation = ScenarioEvaluation(coco_gt, results, SIGMAS, iou_type, use_area)
    coco_dt = evaluation.coco_dt
    coco = coco_eval(coco_gt, coco_dt, iouType=iou_type, use_area=use_area)
    matched = match(coco_gt, coco_dt, SIGMAS, iou_type, use_area)
    before = copy.deepcopy((matched.evalImgs, matched.params.areaRng))
    whole = match_sizes(matched)
    np.testing.assert_equal(whole.evalImgs, coco.evalImgs)
    assert len(whole.evalImgs) == 2 * 3 * len(coco_gt.imgs)
    np.testing.assert_equal((matched.evalImgs, matched.params.areaRng), before)
    for subset in ('all', 'sketch', 'artificial', synthetic.EMPTY):
        if iou_type == 'keypoints':
            coco = coco_eval(coco_gt, coco_dt, evaluation.images(subset))
            assert evaluation.scores(subset)[:4] == tuple(coco.stats[[0, 1, 2, 5]])
            precision = coco.eval['precision'][0, :, :, 0, 0].mean(axis=1)
            curve = evaluation.precision_recall(subset, 0.5)[1]
            np.testing.assert_allclose(curve, precision, rtol=1e-12)


def test_image_oks_is_the_mean_of_the_best_oks_of_its_instances(
    evaluation: ScenarioEvaluation, content: dict
) -> None:
    def oks(instance: dict, result: dict) -> float:
        gt = np.reshape(instance['keypoints'], (17, 3))
        pred = np.reshape(result['keypoints'], (17, 3))
        distance = np.linalg.norm(pred[:, :2] - gt[:, :2], axis=1)
        values = np.exp(-(distance**2) / (2 * instance['area'] * (2 * SIGMAS) ** 2))
        return values[gt[:, 2] > 0].mean()

    by_image = {}
    for instance in content['annotations']:
        if instance['num_keypoints'] and not instance['iscrowd']:
            img_id = instance['image_id']
            results = evaluation.coco_dt.imgToAnns[img_id]
            best = max((oks(instance, result) for result in results), default=0)
            by_image.setdefault(img_id, []).append(best)
    expected = {img_id: np.mean(values) for img_id, values in by_image.items()}
    assert evaluation.image_oks() == pytest.approx(expected)
    assert 0 in expected.values() and len(expected) < len(evaluation.coco_gt.imgs)


def test_cocos_summary_of_crowds_changes_no_scores(
    content: dict, evaluation: ScenarioEvaluation
) -> None:
    args = (evaluation.coco_gt, synthetic.results(content), SIGMAS, 'keypoints_crowd')
    first, again = (ScenarioEvaluation(*args, use_area=False) for _ in range(2))
    with contextlib.redirect_stdout(None):
        stats, metrics = first.summarize(), first.metrics()
        np.testing.assert_array_equal(first.summarize(), stats)
    assert again.metrics() == metrics and again.scores().AP == stats[0]


def test_matches_each_image_once_and_twice_more_for_the_summary(
    evaluation: ScenarioEvaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    real = COCOeval.evaluateImg
    monkeypatch.setattr(
        COCOeval, 'evaluateImg', lambda *args: calls.append(1) or real(*args)
    )
    again = ScenarioEvaluation(evaluation.coco_gt, evaluation.coco_dt, SIGMAS)
    assert again.metrics() == evaluation.metrics()
    again.image_oks(), again.keypoint_oks('sketch'), again.precision_recall('all', 0.5)
    assert len(calls) == len(evaluation.coco_gt.imgs)
    with contextlib.redirect_stdout(None):
        again.summarize()
    assert len(calls) == 3 * len(evaluation.coco_gt.imgs)


def test_counts_instances_with_labels_that_are_not_crowds(
    evaluation: ScenarioEvaluation, content: dict
) -> None:
    for name in synthetic.CATEGORIES:
        img_ids = synthetic.images(content, [name])
        count = sum(
            a['image_id'] in img_ids and a['num_keypoints'] > 0 and not a['iscrowd']
            for a in content['annotations']
        )
        assert evaluation.scores(name).instances == count
        assert (count == 0) == (name == synthetic.EMPTY)


def test_without_instances_scores_are_minus_one_and_not_in_any_mean(
    evaluation: ScenarioEvaluation,
) -> None:
    assert evaluation.scores('cosplay') == evaluation.scores([]) == (-1, -1, -1, -1, 0)
    assert (evaluation.precision_recall('cosplay', 0.5)[1] == -1).all()
    metrics = evaluation.metrics()
    assert metrics['cosplay/AP'] == -1
    counted = [name for name in evaluation.scenarios if name != 'cosplay']
    for names, mean in ((counted, 'scenario_mean'), (synthetic.GROUPS, 'group_mean')):
        for key in ('AP', 'AP50', 'AP75', 'AR'):
            expected = np.mean([metrics[f'{name}/{key}'] for name in names])
            assert metrics[f'{mean}/{key}'] == pytest.approx(expected, abs=1e-12)


def test_the_gap_is_natural_minus_artificial_ap_if_both_have_instances(
    evaluation: ScenarioEvaluation, content: dict, coco_of: Callable
) -> None:
    metrics = evaluation.metrics()
    assert metrics['gap/AP'] == metrics['natural/AP'] - metrics['artificial/AP'] != 0
    art = synthetic.alone(content, synthetic.images(content, ['relief', 'cosplay']))
    art = ScenarioEvaluation(coco_of(art), [], SIGMAS)
    assert art.gap() is None and 'gap/AP' not in art.metrics()
    assert art.metrics()['natural/AP'] == -1 and art.metrics()['artificial/AP'] == 0


def test_a_set_without_instances_has_no_scores(content: dict, coco_of: Callable) -> None:
    coco_gt = coco_of(content)
    coco_gt.dataset = synthetic.alone(content, synthetic.images(content, ['cosplay']))
    with contextlib.redirect_stdout(None):
        coco_gt.createIndex()
    metrics = ScenarioEvaluation(coco_gt, [], SIGMAS).metrics()
    assert metrics['scenario_mean/AP'] == metrics['natural/AP'] == -1
    assert metrics['instances'] == 0 and 'artificial/AP' not in metrics


def test_an_unknown_scenario_is_artificial_and_groupings_cover_all_images(
    evaluation: ScenarioEvaluation,
) -> None:
    assert set(evaluation.scenarios['pixel_art']) <= set(evaluation.images('artificial'))
    assert evaluation.groups['other'] == evaluation.scenarios['pixel_art']
    assert 'other/AP' in evaluation.metrics()
    for grouping in (evaluation.scenarios, evaluation.groups, evaluation.domains):
        assert sorted(sum(grouping.values(), [])) == sorted(evaluation.coco_gt.imgs)


def test_results_are_not_modified(evaluation: ScenarioEvaluation, content: dict) -> None:
    results = synthetic.results(content)
    before = copy.deepcopy(results)
    ScenarioEvaluation(evaluation.coco_gt, results, SIGMAS)
    assert results == before


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (lambda e: e.scores('Sketch'), "no subset 'Sketch'; there are .*'sketch'"),
        (lambda e: e.scores([-5]), '1 images, such as -5, are not among'),
        (lambda e: e.precision_recall('all', 0.52), 'one of .*0.55.*, got 0.52'),
        (
            lambda e: ScenarioEvaluation(e.coco_gt, [], SIGMAS, 'keypoints_foot'),
            "iou_type is one of .*'keypoints_crowd'.*, got 'keypoints_foot'",
        ),
    ],
)
def test_refuses_unknown_subsets_thresholds_and_types(
    call: Callable, message: str, evaluation: ScenarioEvaluation
) -> None:
    with pytest.raises(ValueError, match=message):
        call(evaluation)
