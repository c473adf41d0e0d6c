"""Annotation files and result files; broken ones get an error with the reason."""

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.test_evaluation import synthetic
from vlpose_mm.evaluation.functional.coco_files import evaluate_file, read_annotations

CONTENT = synthetic.annotations()
RESULTS = synthetic.results(CONTENT)
INF = float('inf')


def edited(content: object, edit: Callable) -> object:
    content = copy.deepcopy(content)
    edit(content)
    return content


@pytest.mark.fast
def test_evaluates_files_and_loaded_annotations_by_scenario(
    ann_file: str, tmp_path: Path
) -> None:
    result_file = synthetic.write(RESULTS, tmp_path / 'results.json')
    evaluation = evaluate_file(ann_file, result_file)
    assert list(evaluation.scenarios) == list(synthetic.CATEGORIES)
    again = evaluate_file(read_annotations(ann_file), Path(result_file))
    assert again.metrics() == evaluation.metrics()
    other = evaluate_file(ann_file, result_file, np.full(17, 1.0))
    assert other.scores().AP > evaluation.scores().AP

    without_crowds = edited(CONTENT, lambda c: [a.pop('iscrowd') for a in c['annotations']])
    ann_file = synthetic.write(without_crowds, tmp_path / 'ann.json')
    labeled = [a for a in CONTENT['annotations'] if a['num_keypoints']]
    assert evaluate_file(ann_file, result_file).scores().instances == len(labeled)


def test_bboxes_of_results_are_used_if_all_have_one(ann_file: str, tmp_path: Path) -> None:
    complete = edited(RESULTS, lambda rs: [r.update(bbox=[0, 0, 9, 9]) for r in rs])
    partial = edited(complete, lambda rs: rs[1].pop('bbox'))
    areas = []
    for results in (complete, partial):
        path = synthetic.write(results, tmp_path / 'results.json')
        areas.append(evaluate_file(ann_file, path).coco_dt.anns[1]['area'])
    assert areas[0] == 81 != areas[1]


def result(**values) -> list[dict]:
    """Results whose fifth record has other values."""
    return edited(RESULTS, lambda rs: rs[4].update(values))


def keypoint(value: object) -> list[dict]:
    return edited(RESULTS, lambda rs: rs[4]['keypoints'].__setitem__(7, value))


FORMAT = 'has no results in COCO format: a list of .* image_id, category_id, keypoints, sco'
RECORD_4 = r'record 4, on image \d+, has a score or keypoints that are not finite'
TEXT_IDS = edited(RESULTS, lambda rs: [r.update(image_id=f'{r["image_id"]}') for r in rs])


@pytest.mark.parametrize(
    ('results', 'message'),
    [
        ([], FORMAT),
        (dict(annotations=RESULTS), FORMAT),
        ([5], FORMAT),
        (edited(RESULTS, lambda rs: rs[3].pop('score')), FORMAT),
        (result(image_id=139), r'1 of its \d+ values of image_id, such as 139, are not'),
        (result(image_id=[1]), r'values of image_id, such as \[1\]'),
        (result(image_id=True), 'such as true, are not'),
        (TEXT_IDS, r'other annotations: \d+ of its \d+ values of image_id, such as "\d+"'),
        (result(category_id=7), '1 of its 2 values of category_id, such as 7'),
        (result(keypoints=[1.0] * 63), r'17 .* 51 in all; .* image \d+ has 63 numbers'),
        (result(keypoints=None), 'must have 17 keypoints .* has 0 numbers'),
        (result(keypoints=[[1]] * 51), RECORD_4),
        *((result(score=v), RECORD_4) for v in (float('nan'), '0.5', True, 10**400)),
        *((keypoint(value), RECORD_4) for value in (INF, None, False)),
        (result(bbox=[1, 2]), 'record 4, .* has a bbox that is not four finite numbers'),
    ],
)
def test_refuses_broken_results(
    results: object, message: str, ann_file: str, tmp_path: Path
) -> None:
    path = synthetic.write(results, tmp_path / 'results.json')
    with pytest.raises(ValueError, match=f'{path}.*{message}'):
        evaluate_file(ann_file, path)


def annotation(**values) -> dict:
    """Annotations whose fourth one has other values."""
    return edited(CONTENT, lambda c: c['annotations'][3].update(values))


def image(**values) -> dict:
    return edited(CONTENT, lambda c: c['images'][3].update(values))


BROKEN = 'annotation 4, on image .* has a broken {}; keypoints must'
OTHER_ID = edited(CONTENT, lambda c: [a.update(category_id=7) for a in c['annotations']])
TWICE = edited(CONTENT, lambda c: c['images'].append(c['images'][0]))


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ([], 'is not a keypoint annotation file: it needs images with id'),
        (edited(CONTENT, lambda c: c.pop('annotations')), 'it needs annotations with'),
        (edited(CONTENT, lambda c: c['categories'].clear()), 'it needs categories with'),
        (
            edited(CONTENT, lambda c: c['annotations'][5].pop('keypoints')),
            'id, image_id, category_id, keypoints, bbox, area',
        ),
        (edited(CONTENT, lambda c: c['images'].append(5)), 'it needs images with id'),
        (TWICE, 'two images with the same id; make ids unique'),
        (annotation(id=2), 'two annotations with the same id'),
        (annotation(id=[4]), 'has annotations whose id is neither'),
        (image(id=None), 'has images whose id is neither'),
        (image(file_name=5), r'the file_name of image \d+ must be text'),
        (image(category='all'), "'all' is not a name for a scenario"),
        (annotation(keypoints=[1] * 50), 'must have 17 keypoints .* has 50 numbers'),
        *(
            (annotation(keypoints=v), BROKEN.format('keypoints'))
            for v in (None, ['1'] * 51)
        ),
        *((annotation(area=v), BROKEN.format('area')) for v in (None, True)),
        *(
            (annotation(bbox=v), BROKEN.format('bbox'))
            for v in (None, [1, 2], [1, 2, 3, INF])
        ),
        (annotation(image_id=5000), r'itself: 1 of its .* such as 5000, .* its images'),
        (OTHER_ID, '1 of its 1 values of category_id, such as 7, .* among its categories'),
    ],
)
def test_refuses_broken_annotations(content: object, message: str, tmp_path: Path) -> None:
    ann_file = synthetic.write(content, tmp_path / 'ann.json')
    result_file = synthetic.write(RESULTS, tmp_path / 'results.json')
    with pytest.raises(ValueError, match=message):
        evaluate_file(ann_file, result_file)


def test_refuses_missing_files_folders_and_other_formats(
    ann_file: str, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError, match='gone.json'):
        evaluate_file(ann_file, tmp_path / 'gone.json')
    with pytest.raises(IsADirectoryError):
        evaluate_file(ann_file, tmp_path)
    other = tmp_path / 'other'
    for content in (b'{"half": ', b'\x80\x02weights', b''):
        other.write_bytes(content)
        for files in ((ann_file, other), (other, ann_file)):
            with pytest.raises(ValueError, match=r'other is not a JSON file \('):
                evaluate_file(*files)
