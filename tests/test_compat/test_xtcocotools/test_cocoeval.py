"""The stand-in evaluates as xtcocotools does, to the last digit."""

import contextlib
import copy
import io
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import xtcocotools.coco
import xtcocotools.cocoeval

from tests.test_evaluation import synthetic
from vlpose_mm.compat.xtcocotools import coco, cocoeval

PARTS = dict(foot=6, face=68, lefthand=21, righthand=21)
OURS, INSTALLED = (coco, cocoeval), (xtcocotools.coco, xtcocotools.cocoeval)
# What xtcocotools 1.14.3 gives.
STATS = {  # first, third and last
    'keypoints': (0.108158, 0.111122, 0.396667),
    'keypoints_crowd': (0.102269, 0.103102, 0.070500),
    'keypoints_wholebody': (0.088247, 0.063738, 0.330000),
    'keypoints_body': (0.108158, 0.111122, 0.396667),
    'keypoints_foot': (0.105956, 0.070760, 0.300000),
    'keypoints_face': (0.074917, 0.051684, 0.336111),
    'keypoints_lefthand': (0.105120, 0.059636, 0.330556),
    'keypoints_righthand': (0.092539, 0.069559, 0.193750),
    'bbox': (0.265013, 0.305061, 0.377500),
    'segm': (0.268208, 0.305061, 0.390000),
}


def rectangle(x: float, y: float, width: float, height: float) -> list[list[float]]:
    return [[x, y, x + width, y, x + width, y + height, x, y + height]]


def content() -> tuple[dict, list[dict]]:
    """Annotations and results with all that any type reads, of two categories.

    An id is 0, some keypoints, their numbers and scores of parts are missing, and an image
    has more results than count.
    """
    rng = np.random.default_rng(2)
    annotations = synthetic.annotations()
    annotations['categories'].append(dict(id=3, name='horse'))
    for image in annotations['images']:
        image['crowdIndex'] = round(image['crowdIndex'], 1)
    results = []
    for i, annotation in enumerate(annotations['annotations']):
        annotation |= dict(id=i, category_id=(1, 1, 3)[i % 3])
        annotation['num_keypoints'] *= i % 7 != 3
        annotation['area'] *= (1, 0.2, 2, 3)[i % 4]
        x, y, width, height = annotation['bbox']
        annotation['segmentation'] = rectangle(*annotation['bbox'])
        for part, count in PARTS.items():
            points = rng.uniform((x, y, 0), (x + width, y + height, 3), (count, 3))
            points[:, 2] = points[:, 2].astype(int) * (rng.uniform() > 0.2)
            annotation[f'{part}_kpts'] = points.flatten().tolist()
        for _ in range(30 if i == 0 else rng.integers(3)):
            result = {key: annotation[key] for key in ('image_id', 'category_id')}
            bbox = np.array(annotation['bbox']) + rng.uniform(-8, 8, 4)
            result |= dict(bbox=bbox.tolist(), score=round(rng.uniform(), 1))
            for field in ('keypoints', *(f'{part}_kpts' for part in PARTS)):
                points = np.reshape(annotation[field], (-1, 3)).astype(float)
                points[:, :2] += rng.normal(0, rng.uniform(1, 9), (len(points), 2))
                points[:, 2] = rng.uniform(size=len(points)) * (rng.uniform() > 0.1)
                result[field] = points.flatten().tolist()
            if rng.uniform() > 0.5:
                result |= dict(foot_score=rng.uniform(), wholebody_score=rng.uniform())
            results.append(result)
    return annotations, results


def evaluate(
    modules: tuple[ModuleType, ModuleType],
    path: str,
    results: list[dict],
    *args,
    **params,
) -> dict:
    """All that an evaluation gives, before and after its summary."""
    with contextlib.redirect_stdout(io.StringIO()) as output:
        coco_gt = modules[0].COCO(path)
        coco_dt = coco_gt.loadRes(copy.deepcopy(results))
        evaluation = modules[1].COCOeval(coco_gt, coco_dt, *args)
        evaluation.params.useSegm = None  # as MMPose does
        vars(evaluation.params).update(params)
        evaluation.evaluate()
        evaluation.accumulate()
        given = dict(ious=evaluation.ious, before=_state(evaluation))
        evaluation.summarize()
    lines = [line for line in output.getvalue().splitlines() if 't=' not in line]
    return given | dict(after=_state(evaluation), stats=evaluation.stats, lines=lines)


def _state(evaluation: cocoeval.COCOeval) -> list:
    arrays = [evaluation.eval[key] for key in ('counts', 'precision', 'recall', 'scores')]
    return copy.deepcopy([evaluation.evalImgs, evaluation.params.iouType, *arrays])


@pytest.fixture(scope='module')
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[dict]]:
    annotations, results = content()
    path = tmp_path_factory.mktemp('xtcocotools') / 'ann.json'
    return synthetic.write(annotations, path), results


def arguments(iou_type: str, use_area: bool = True) -> tuple:
    """Of an evaluation, with sigmas for the parts of the body."""
    counts = PARTS | dict(wholebody=17 + sum(PARTS.values()))
    count = counts.get(iou_type.partition('_')[2])
    sigmas = count and np.linspace(0.02, 0.1, count, dtype=np.float32)
    return iou_type, sigmas, use_area


@pytest.mark.fast
@pytest.mark.parametrize('iou_type', STATS)
def test_scores_are_those_of_xtcocotools(
    iou_type: str, files: tuple[str, list[dict]]
) -> None:
    stats = evaluate(OURS, *files, *arguments(iou_type))['stats']
    np.testing.assert_allclose(stats[[0, 2, -1]], STATS[iou_type], rtol=0, atol=5e-7)


# Where xtcocotools is not installed, these compare the stand-in with itself.


@pytest.mark.parametrize('use_area', [True, False])
@pytest.mark.parametrize('iou_type', STATS)
def test_all_numbers_and_lines_are_those_of_the_installed_xtcocotools(
    iou_type: str, use_area: bool, files: tuple[str, list[dict]]
) -> None:
    args = arguments(iou_type, use_area)
    ours, theirs = (evaluate(modules, *files, *args) for modules in (OURS, INSTALLED))
    np.testing.assert_equal(ours, theirs)
    matches = [match for match in ours['before'][0] if match]
    assert any(0 in match['dtMatches'] for match in matches)
    for key in ('dtMatches', 'gtMatches'):
        assert {match[key].dtype for match in matches} == {np.dtype(np.int64)}


@pytest.mark.parametrize(
    'iou_type, params',
    [
        ('keypoints', dict(maxDets=[3, 20, 1], recThrs=np.linspace(0, 1, 7))),
        ('keypoints', dict(catIds=[3, 3], areaRng=[[0, 5000], [1, 2], [2000, 9000]])),
        ('keypoints_wholebody', dict(iouThrs=np.array([0.5, 0.6, 0.75]))),
        ('bbox', dict(useCats=0)),
        ('segm', dict(maxDets=[5, 2, 9])),
    ],
)
def test_parameters_that_are_set_act_as_in_the_installed_xtcocotools(
    iou_type: str, params: dict, files: tuple[str, list[dict]]
) -> None:
    args = arguments(iou_type)
    given = [evaluate(modules, *files, *args, **params) for modules in (OURS, INSTALLED)]
    np.testing.assert_equal(*given)
    assert not np.array_equal(given[0]['stats'], evaluate(OURS, *files, *args)['stats'])


@pytest.mark.parametrize('modules', [OURS, INSTALLED])
def test_only_oks_by_area_needs_the_area(
    modules: tuple[ModuleType, ModuleType], files: tuple[str, list[dict]], tmp_path: Path
) -> None:
    annotations, results = content()
    by_bbox = evaluate(modules, *files, 'keypoints', None, False)
    for annotation in annotations['annotations']:
        del annotation['area']
    path = synthetic.write(annotations, tmp_path / 'ann.json')
    again = evaluate(modules, path, results, 'keypoints', None, False)
    np.testing.assert_equal(again, by_bbox)
    evaluate(modules, path, results, 'bbox')
    with pytest.raises(KeyError, match='area'):
        evaluate(modules, path, results, 'keypoints')


@pytest.mark.parametrize('modules', [OURS, INSTALLED])
def test_only_the_categories_that_count_need_keypoints(
    modules: tuple[ModuleType, ModuleType], files: tuple[str, list[dict]], tmp_path: Path
) -> None:
    annotations, results = content()
    whole = evaluate(modules, *files, catIds=[1])
    for record in (*annotations['annotations'], *results):
        if record['category_id'] == 3:
            del record['keypoints']
    path = synthetic.write(annotations, tmp_path / 'ann.json')
    np.testing.assert_equal(evaluate(modules, path, results, catIds=[1]), whole)


@pytest.mark.parametrize('modules', [OURS, INSTALLED])
def test_ids_of_annotations_may_be_numerals(
    modules: tuple[ModuleType, ModuleType], files: tuple[str, list[dict]], tmp_path: Path
) -> None:
    annotations, results = content()
    whole = evaluate(modules, *files)
    for annotation in annotations['annotations']:
        annotation['id'] = str(annotation['id'])
    path = synthetic.write(annotations, tmp_path / 'ann.json')
    again = evaluate(modules, path, results)
    np.testing.assert_equal(again['stats'], whole['stats'])
    pairs = zip(again['before'][0], whole['before'][0], strict=True)
    for match, expected in pairs:
        assert not match or np.array_equal(match['dtMatches'], expected['dtMatches'])


@pytest.mark.parametrize('modules', [OURS, INSTALLED])
def test_no_results_score_zero(
    modules: tuple[ModuleType, ModuleType], files: tuple[str, list[dict]]
) -> None:
    given = evaluate(modules, files[0], [])
    np.testing.assert_array_equal(given['stats'], 0)


@pytest.mark.parametrize('modules', [OURS, INSTALLED])
def test_an_unknown_type_is_refused(modules: tuple[ModuleType, ModuleType]) -> None:
    for make in (modules[1].Params, lambda name: modules[1].COCOeval(iouType=name)):
        with pytest.raises(Exception, match='iouType not supported'):
            make('points')
    assert modules[1].Params('keypoints_foot').iouType == 'keypoints_foot'
