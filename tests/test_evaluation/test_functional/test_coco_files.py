"""Annotation files and result files; broken ones get an error with the reason."""

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.test_evaluation import synthetic
from vlpose_mm.evaluation.functional.coco_files import evaluate_file, read_annotations
from vlpose_mm.evaluation.functional.score_tables import as_text, score_table

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


def test_results_name_images_by_number_text_or_file(tmp_path: Path) -> None:
    names = {image['id']: f'folder/{i}.jpg' for i, image in enumerate(CONTENT['images'])}
    content = edited(CONTENT, lambda c: None)
    for image in content['images']:
        image['file_name'] = names[image['id']]
    ann_file = synthetic.write(content, tmp_path / 'ann.json')
    expected = evaluate_file(ann_file, synthetic.write(RESULTS, tmp_path / 'r.json'))
    for name_of in (str, names.__getitem__, lambda i: names[i].replace('/', '\\')):
        own = [r | dict(image_id=name_of(r['image_id'])) for r in RESULTS]
        found = evaluate_file(ann_file, synthetic.write(own, tmp_path / 'r.json'))
        assert found.metrics() == expected.metrics()


def test_results_beyond_those_that_coco_scores_are_counted(tmp_path: Path) -> None:
    people = [edited(CONTENT, lambda c: None)['annotations'][0] for _ in range(40)]
    for i, person in enumerate(people):
        person.update(id=i + 1, keypoints=[10 + 30 * i, 10, 2, 30 * i, 30, 2] + [0] * 45)
        person.update(num_keypoints=2, iscrowd=0, bbox=[30 * i, 10, 20, 20], area=400)
    images = [i for i in CONTENT['images'] if i['id'] == people[0]['image_id']]
    content = dict(CONTENT, images=images, annotations=people)
    keys = ('image_id', 'category_id', 'keypoints')
    results = [{key: person[key] for key in keys} | dict(score=1.0) for person in people]
    args = (
        synthetic.write(content, tmp_path / 'ann.json'),
        synthetic.write(results, tmp_path / 'results.json'),
    )
    cut, whole = evaluate_file(*args), evaluate_file(*args, max_results=40)
    assert cut.num_cut == 20 and 0.4 < cut.scores().AP < 0.6
    assert '20 results do not count, beyond the 20 best of' in as_text(score_table(cut))
    assert whole.num_cut == 0 and whole.scores().AP == 1
    with pytest.raises(ValueError, match='max_results must be at least 1, got 0'):
        evaluate_file(*args, max_results=0)


def result(**values) -> list[dict]:
    """Results whose fifth record has other values."""
    return edited(RESULTS, lambda rs: rs[4].update(values))


def keypoint(value: object) -> list[dict]:
    return edited(RESULTS, lambda rs: rs[4]['keypoints'].__setitem__(7, value))


FORMAT = 'has no results in COCO format: a list of .* image_id, category_id, keypoints, sco'
RECORD_4 = r'record 4, on image \d+, has a score or keypoints that are not finite'


@pytest.mark.parametrize(
    ('results', 'message'),
    [
        ([], FORMAT),
        (dict(annotations=RESULTS), FORMAT),
        ([5], FORMAT),
        (edited(RESULTS, lambda rs: rs[3].pop('score')), FORMAT),
        (result(image_id=139), r'has the image_id 139, .* the images of .*; so have 1 of'),
        (result(image_id=[1]), r'has the image_id \[1\]'),
        (result(image_id=True), 'has the image_id true'),
        (result(category_id=[7]), r'the category_id of record 4 is \[7\]'),
        (result(keypoints=[1.0] * 63), r'record 4, on image \d+, has 63 numbers .* 51 in'),
        (result(keypoints=None), 'has 0 numbers as keypoints; 17 keypoints have three'),
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


FOURTH = r'ann.json: annotation 4 \(on image \d+\) '
OTHER_ID = edited(CONTENT, lambda c: [a.update(category_id=7) for a in c['annotations']])
TWICE = edited(CONTENT, lambda c: c['images'].append(c['images'][0]))


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ([], "not an annotation file in COCO's format: it has no list of images"),
        (edited(CONTENT, lambda c: c['images'].append(5)), 'has no list of images'),
        (edited(CONTENT, lambda c: c.pop('annotations')), 'has no list of annotations'),
        (
            edited(CONTENT, lambda c: c.pop('categories')),
            r'no list of categories. Add "categories": \[{"id": 1, "name": "person"}\]',
        ),
        (edited(CONTENT, lambda c: c['categories'].clear()), 'has no categories: the list'),
        (TWICE, r'two images with the id \d+, numbers 0 and 30 of the list; 1 of its 31'),
        (annotation(id=2), 'two annotations with the id 2, numbers 1 and 3 .* its own'),
        (annotation(id=[4]), r'annotation number 3 has the id \[4\]; write an integer'),
        (image(id=None), 'image number 3 has the id null'),
        (image(file_name=5), r'the file_name of image \d+ must be text'),
        (image(category='all'), "'all' is not a name for a scenario"),
        (annotation(keypoints=[1] * 50), f'{FOURTH}has 50 numbers as keypoints; write one'),
        (annotation(keypoints=[1] * 63), f'{FOURTH}has 21 keypoints .*, but the first'),
        (annotation(keypoints=[1, 1, -1] * 17), f'{FOURTH}has a keypoint with the flag -1'),
        *(
            (annotation(keypoints=v * 17), f'{FOURTH}has keypoints that are not finite')
            for v in ([[1, 2, 2]], ['1', 2, 2], [1, None, 2], [1, 2, INF], [1e300, 2, 2])
        ),
        (annotation(keypoints='1 1 2'), f'{FOURTH}has keypoints that are not finite'),
        (annotation(area=None), f'{FOURTH}has no area.*add it, in square pixels, or set'),
        *(
            (annotation(area=v), f'{FOURTH}has the area {shown}; write a number of')
            for v, shown in ((True, 'true'), (INF, 'Infinity'), (-1, '-1'), ('9', '"9"'))
        ),
        (annotation(bbox=None), f'{FOURTH}has no bbox; write x, y, width and height'),
        (annotation(bbox=[1, 2]), rf'{FOURTH}has the bbox \[1, 2\]; write'),
        (annotation(bbox=[1, 2, 3, INF]), rf'{FOURTH}has the bbox \[1, 2, 3, Infinity\]'),
        (annotation(iscrowd='no'), f'{FOURTH}has the iscrowd "no"; write 0 or 1'),
        (annotation(num_keypoints='9'), f'{FOURTH}has the num_keypoints "9"; write'),
        (annotation(image_id=5000), 'annotation 4 has the image_id 5000.*not among its im'),
        (annotation(image_id=None), 'annotation 4 has the image_id null'),
        (
            OTHER_ID,
            'annotation 1 has the category_id 7.*not among its categories.* so',
        ),
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
