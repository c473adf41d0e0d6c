"""Files that cannot be evaluated are refused with one error that says why."""

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.test_evaluation import synthetic
from vlpose_mm.evaluation.functional.coco_files import evaluate_file, read_annotations

CONTENT = synthetic.annotations()
FOUND = synthetic.results(CONTENT)


@pytest.fixture
def ann_file(tmp_path: Path) -> str:
    return synthetic.write(CONTENT, tmp_path / 'ann.json')


def changed(given: object, change: Callable) -> object:
    given = copy.deepcopy(given)
    change(given)
    return given


def test_gives_what_was_found_scenario_by_scenario(ann_file: str, tmp_path: Path) -> None:
    result_file = synthetic.write(FOUND, tmp_path / 'found.json')
    evaluation = evaluate_file(ann_file, result_file)
    assert list(evaluation.scenarios) == list(synthetic.CATEGORIES)
    again = evaluate_file(read_annotations(ann_file), Path(result_file))
    assert again.metrics() == evaluation.metrics()
    other = evaluate_file(ann_file, result_file, np.full(17, 1.0))
    assert other.scores().AP > evaluation.scores().AP


def test_boxes_count_only_if_all_results_have_one(ann_file: str, tmp_path: Path) -> None:
    boxed = changed(FOUND, lambda found: [r.update(bbox=[0, 0, 9, 9]) for r in found])
    some = changed(boxed, lambda found: found[1].pop('bbox'))
    areas = [
        evaluate_file(ann_file, synthetic.write(found, tmp_path / 'found.json')).found.anns[
            1
        ]
        for found in (boxed, some)
    ]
    assert areas[0]['area'] == 81 != areas[1]['area']


def test_people_without_the_crowd_mark_are_no_crowd(tmp_path: Path) -> None:
    content = changed(CONTENT, lambda c: [a.pop('iscrowd') for a in c['annotations']])
    ann_file = synthetic.write(content, tmp_path / 'ann.json')
    evaluation = evaluate_file(ann_file, synthetic.write(FOUND, tmp_path / 'found.json'))
    labeled = [a for a in content['annotations'] if a['num_keypoints']]
    assert evaluation.scores().people == len(labeled)


@pytest.mark.parametrize(
    ('found', 'message'),
    [
        ([], 'holds no results in COCO format'),
        (dict(annotations=FOUND), 'holds no results in COCO format'),
        ([5], 'a list of records with image_id, category_id, keypoints, score'),
        (changed(FOUND, lambda f: f[3].pop('score')), 'a list of records with image_id'),
        (
            changed(FOUND, lambda f: f[0].update(image_id=139)),
            r'other annotations: 1 of its \d+ values of image_id, such as 139, are not',
        ),
        (
            changed(FOUND, lambda f: [r.update(image_id=str(r['image_id'])) for r in f]),
            r'other annotations: \d+ of its \d+ values of image_id, such as "\d+"',
        ),
        (
            changed(FOUND, lambda f: f[0].update(category_id=7)),
            '1 of its 2 values of category_id, such as 7',
        ),
        (
            changed(FOUND, lambda f: f[0].update(image_id=[1])),
            r'values of image_id, such as \[1\]',
        ),
        (
            changed(FOUND, lambda f: f[2]['keypoints'].extend([1.0] * 12)),
            r'must have 17 keypoints .* 51 in all; a person on image \d+ has 63 numbers',
        ),
        (
            changed(FOUND, lambda f: f[2].update(keypoints=None)),
            'must have 17 keypoints .* has 0 numbers',
        ),
        (
            changed(FOUND, lambda f: f[4].update(score=float('nan'))),
            r'record 4, on image \d+, has a score or keypoints that are no finite',
        ),
        (changed(FOUND, lambda f: f[4].update(score='0.5')), 'record 4, on image'),
        (
            changed(FOUND, lambda f: f[4]['keypoints'].__setitem__(7, float('inf'))),
            'record 4, on image',
        ),
        (
            changed(FOUND, lambda f: f[4]['keypoints'].__setitem__(7, None)),
            'record 4, on image',
        ),
        (
            changed(FOUND, lambda f: f[4]['keypoints'].__setitem__(7, False)),
            'record 4, on image',
        ),
        (changed(FOUND, lambda f: f[4].update(keypoints=[[1]] * 51)), 'record 4, on'),
        (changed(FOUND, lambda f: f[4].update(score=True)), 'record 4, on image'),
        (changed(FOUND, lambda f: f[4].update(score=10**400)), 'record 4, on image'),
        (
            changed(FOUND, lambda f: f[4].update(bbox=[1, 2])),
            'record 4, .* has a bbox that is no list of four finite numbers',
        ),
        (changed(FOUND, lambda f: f[0].update(image_id=True)), 'such as true, are not'),
    ],
)
def test_a_file_that_holds_no_results_on_these_images_is_refused(
    found: object, message: str, ann_file: str, tmp_path: Path
) -> None:
    path = synthetic.write(found, tmp_path / 'found.json')
    with pytest.raises(ValueError, match=message) as caught:
        evaluate_file(ann_file, path)
    assert path in str(caught.value)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ([], 'is no annotation file of keypoints: it needs images with id'),
        (changed(CONTENT, lambda c: c.pop('annotations')), 'it needs annotations with'),
        (changed(CONTENT, lambda c: c['categories'].clear()), 'it needs categories with'),
        (
            changed(CONTENT, lambda c: c['annotations'][5].pop('keypoints')),
            'id, image_id, category_id, keypoints, bbox, area',
        ),
        (changed(CONTENT, lambda c: c['images'].append(5)), 'it needs images with id'),
        (
            changed(CONTENT, lambda c: c['annotations'][0].update(id=2)),
            'two annotations with the same id; give each its own',
        ),
        (
            changed(CONTENT, lambda c: c['images'].append(c['images'][0])),
            'two images with the same id',
        ),
        (
            changed(CONTENT, lambda c: c['annotations'][0]['keypoints'].pop()),
            'must have 17 keypoints .* has 50 numbers',
        ),
        (
            changed(CONTENT, lambda c: c['images'][0].update(category='all')),
            "'all' is no name for a scenario",
        ),
        *(
            (
                changed(CONTENT, lambda c, b=broken: c['annotations'][3].update(b)),
                f'annotation 4, on image .* has a broken {[*broken][0]}; keypoints must',
            )
            for broken in (
                dict(keypoints=None),
                dict(keypoints=['1'] * 51),
                dict(area=None),
                dict(area=True),
                dict(bbox=None),
                dict(bbox=[1, 2]),
                dict(bbox=[1, 2, 3, float('inf')]),
            )
        ),
        (
            changed(CONTENT, lambda c: c['annotations'][3].update(id=[4])),
            'has annotations whose id is neither',
        ),
        (
            changed(CONTENT, lambda c: c['images'][3].update(id=None)),
            'has images whose id is neither',
        ),
        (
            changed(CONTENT, lambda c: c['images'][3].update(file_name=5)),
            r'the file_name of image \d+ must be text',
        ),
        (
            changed(CONTENT, lambda c: c['annotations'][3].update(image_id=5000)),
            r'itself: 1 of its \d+ values of image_id, such as 5000, .* among its images',
        ),
        (
            changed(CONTENT, lambda c: [a.update(category_id=7) for a in c['annotations']]),
            '1 of its 1 values of category_id, such as 7, are not among its categories',
        ),
    ],
)
def test_a_file_that_holds_no_keypoints_of_people_is_refused(
    content: object, message: str, tmp_path: Path
) -> None:
    ann_file = synthetic.write(content, tmp_path / 'ann.json')
    result_file = synthetic.write(FOUND, tmp_path / 'found.json')
    with pytest.raises(ValueError, match=message):
        evaluate_file(ann_file, result_file)


def test_missing_files_and_other_kinds_of_files_are_refused(
    ann_file: str, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError, match='gone.json'):
        evaluate_file(ann_file, tmp_path / 'gone.json')
    with pytest.raises(IsADirectoryError):
        evaluate_file(ann_file, tmp_path)
    for content in (b'{"half": ', b'\x80\x02weights', b''):
        (tmp_path / 'other').write_bytes(content)
        for files in ((ann_file, tmp_path / 'other'), (tmp_path / 'other', ann_file)):
            with pytest.raises(ValueError, match=r'other is no JSON file \('):
                evaluate_file(*files)
