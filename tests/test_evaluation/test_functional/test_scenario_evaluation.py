"""A subset scores as an annotation file of its images alone."""

import contextlib
import copy
from collections.abc import Callable

import numpy as np
import pytest
from xtcocotools.coco import COCO
from xtcocotools.cocoeval import COCOeval

from tests.test_evaluation import synthetic
from tests.test_evaluation.conftest import SIGMAS
from vlpose_mm.evaluation.functional.matching import match, match_sizes
from vlpose_mm.evaluation.functional.scenario_evaluation import ScenarioEvaluation


def coco_eval(
    coco_gt: COCO, coco_dt: COCO, img_ids: list[int], iou_type: str = 'keypoints'
) -> COCOeval:
    """COCO's own evaluation of some images."""
    evaluation = COCOeval(coco_gt, coco_dt, iou_type, SIGMAS, iou_type == 'keypoints')
    evaluation.params.imgIds = img_ids
    with contextlib.redirect_stdout(None):
        evaluation.evaluate()
        evaluation.accumulate()
        if iou_type == 'keypoints':
            evaluation.summarize()
    return evaluation


def with_categories(count: int) -> tuple[dict, list[dict]]:
    """Annotations and results of one category or of two."""
    content = synthetic.annotations()
    results = synthetic.results(content)
    for record in (*content['annotations'][::3], *results[::4]) if count == 2 else ():
        record['category_id'] = 3
    content['categories'] += [dict(id=3, name='horse')] * (count - 1)
    return content, results


@pytest.mark.fast
@pytest.mark.parametrize('two_categories', [False, True])
def test_any_images_score_as_in_cocos_own_evaluation(
    two_categories: bool, coco_of: Callable
) -> None:
    content, results = with_categories(1 + two_categories)
    evaluation = ScenarioEvaluation(coco_of(content), results, SIGMAS)
    img_ids = np.random.default_rng(0).permutation(list(evaluation.coco_gt.imgs)).tolist()
    for subset in (img_ids[:3], img_ids[:15], 'all', 'artificial', synthetic.EMPTY):
        chosen = evaluation.images(subset)
        coco = coco_eval(evaluation.coco_gt, evaluation.coco_dt, chosen)
        scores = evaluation.scores(subset)
        assert scores[:4] == tuple(coco.stats[[0, 1, 2, 5]])
        assert scores == evaluation.scores(reversed(chosen * 2))
        for i, oks in ((0, 0.5), (9, 0.95)):
            recall, precision = evaluation.precision_recall(subset, oks)
            np.testing.assert_allclose(recall, np.arange(101) / 100)
            expected = coco.eval['precision'][i, :, :, 0, 0].mean(axis=1)
            np.testing.assert_allclose(precision, expected, rtol=1e-12)
    assert 0.05 < evaluation.scores().AP < 0.9


@pytest.mark.parametrize('iou_type', ['keypoints', 'keypoints_crowd'])
def test_all_sizes_match_as_in_cocos_own_evaluation(
    iou_type: str, coco_of: Callable
) -> None:
    content, results = with_categories(2)
    coco_gt = coco_of(content)
    coco_dt = coco_gt.loadRes(results)
    matched = match(coco_gt, coco_dt, SIGMAS, iou_type, iou_type == 'keypoints')
    before = copy.deepcopy((matched.evalImgs, matched.params.areaRng))
    whole = match_sizes(matched)
    coco = coco_eval(coco_gt, coco_dt, sorted(coco_gt.imgs), iou_type)
    np.testing.assert_equal(whole.evalImgs, coco.evalImgs)
    assert len(whole.evalImgs) == 2 * 3 * len(coco_gt.imgs)
    np.testing.assert_equal((matched.evalImgs, matched.params.areaRng), before)


def test_matches_each_image_once_and_twice_more_for_the_summary(
    evaluation: ScenarioEvaluation, content: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, real = [], COCOeval.evaluateImg
    monkeypatch.setattr(
        COCOeval, 'evaluateImg', lambda *args: calls.append(1) or real(*args)
    )
    results = synthetic.results(content)
    before = copy.deepcopy(results)
    again = ScenarioEvaluation(evaluation.coco_gt, results, SIGMAS)
    metrics = again.metrics()
    assert results == before and metrics == evaluation.metrics()
    again.image_oks(), again.keypoint_oks('sketch'), again.precision_recall('all', 0.5)
    assert len(calls) == len(evaluation.coco_gt.imgs)
    with contextlib.redirect_stdout(None):
        again.summarize()
    assert len(calls) == 3 * len(evaluation.coco_gt.imgs)

    # That of crowds matches some images again.
    args = (evaluation.coco_gt, results, SIGMAS, 'keypoints_crowd')
    first, again = (ScenarioEvaluation(*args, use_area=False) for _ in range(2))
    with contextlib.redirect_stdout(None):
        stats, metrics = first.summarize(), first.metrics()
        np.testing.assert_array_equal(first.summarize(), stats)
    assert again.metrics() == metrics and again.scores().AP == stats[0]


def test_means_and_the_gap_are_of_subsets_with_instances(
    evaluation: ScenarioEvaluation, content: dict, coco_of: Callable
) -> None:
    for name in synthetic.CATEGORIES:
        img_ids = synthetic.images(content, [name])
        count = sum(
            a['image_id'] in img_ids and a['num_keypoints'] > 0 and not a['iscrowd']
            for a in content['annotations']
        )
        assert evaluation.scores(name).instances == count
        assert (count == 0) == (name == synthetic.EMPTY)
    assert evaluation.scores('cosplay') == evaluation.scores([]) == (-1, -1, -1, -1, 0)
    assert (evaluation.precision_recall('cosplay', 0.5)[1] == -1).all()
    metrics = evaluation.metrics()
    assert metrics['cosplay/AP'] == -1
    counted = [name for name in evaluation.scenarios if name != 'cosplay']
    for names, mean in ((counted, 'scenario_mean'), (synthetic.GROUPS, 'group_mean')):
        for key in ('AP', 'AP50', 'AP75', 'AR'):
            expected = np.mean([metrics[f'{name}/{key}'] for name in names])
            assert metrics[f'{mean}/{key}'] == pytest.approx(expected, abs=1e-12)
    assert metrics['gap/AP'] == metrics['natural/AP'] - metrics['artificial/AP'] != 0

    art = synthetic.alone(content, synthetic.images(content, ['relief', 'cosplay']))
    art = ScenarioEvaluation(coco_of(art), [], SIGMAS)
    assert art.gap() is None and 'gap/AP' not in art.metrics()
    assert art.metrics()['natural/AP'] == -1 and art.metrics()['artificial/AP'] == 0

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
    for grouping in (evaluation.scenarios, evaluation.groups, evaluation.domains):
        assert sorted(sum(grouping.values(), [])) == sorted(evaluation.coco_gt.imgs)


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
