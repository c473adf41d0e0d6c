"""Files as people have them: what cannot be right is refused before the first batch."""

import copy
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.test_datasets.coco_content import COUNTS, clean, samples, scored
from vlpose_mm.datasets import CocoVLDataset, HumanArtVLDataset
from vlpose_mm.datasets.annotations import Annotations, people_of
from vlpose_mm.evaluation import ScenarioCocoMetric, evaluate_file

CLEAN = clean()
NAN = float('nan')


def edited(edit: Callable[[dict], object]) -> dict:
    content = copy.deepcopy(CLEAN)
    edit(content)
    return content


def each(**values) -> dict:
    return edited(lambda c: [a.update(values) for a in c['annotations']])


def write(content: object, path: Path) -> str:
    path.write_text(json.dumps(content))
    return str(path)


def refused_by(content: dict, path: Path, **metric) -> dict[str, str]:
    """What dataset, metric and evaluation say, of those that refuse a file."""
    ann_file = write(content, path)
    results = write(
        [dict(image_id=0, category_id=1, keypoints=[], score=1)], path.parent / 'r'
    )
    readers = dict(
        dataset=lambda: CocoVLDataset(ann_file),
        metric=lambda: ScenarioCocoMetric(ann_file, **metric),
        evaluation=lambda: evaluate_file(ann_file, results),
    )
    said = {}
    for name, read in readers.items():
        try:
            read()
        except ValueError as error:
            said[name] = str(error)
    return said


@pytest.mark.fast
@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (
            # As exports that restart them on each image.
            edited(lambda c: c['annotations'][2].update(id=1)),
            'has two annotations with the id 1, numbers 0 and 2 of the list; 1 of its 4',
        ),
        (edited(lambda c: c['images'][1].update(id=7)), 'two images with the id 7'),
        (edited(lambda c: c['annotations'][1].update(image_id=99)), 'annotation 2 has the'),
        (
            edited(lambda c: c['annotations'][1].update(image_id='7')),
            '(one is text, the other a number)',
        ),
        (
            edited(lambda c: c['annotations'][3]['keypoints'].__setitem__(5, NAN)),
            'annotation 4 (on image 8) has keypoints that are not finite numbers, such as',
        ),
        (
            each(bbox=[1, 2, NAN, 4]),
            'annotation 1 (on image 7) has the bbox [1, 2,',
        ),
        (
            each(keypoints=[[1, 2, 2]] * 17),
            'such as [1, 2, 2]; write one flat list of x, y and a flag',
        ),
        (each(keypoints=['1', '2', '2'] * 17), 'not finite numbers, such as "1"'),
        (edited(lambda c: c.pop('categories')), 'no list of categories. Add "categories":'),
        (
            each(num_keypoints=0, keypoints=[0] * 51),
            '0 of 4 annotations of {} are usable (4 without labeled keypoints',
        ),
        (
            each(keypoints=[9, 9, 0] * 17),
            '0 of 4 annotations of {} are usable (4 without labeled keypoints',
        ),
        (each(iscrowd=1), '0 of 4 annotations of {} are usable (4 crowds)'),
    ],
)
def test_dataset_metric_and_evaluation_refuse_the_same(
    content: dict, message: str, tmp_path: Path
) -> None:
    path = tmp_path / 'ann.json'
    said = refused_by(content, path)
    assert said.keys() == {'dataset', 'metric', 'evaluation'}
    for text in said.values():
        assert str(path) in text and message.format(path) in text and '\n' not in text


@pytest.mark.parametrize('area', [None, 'missing', 0])
def test_area_is_needed_by_scores_alone(area: object, tmp_path: Path) -> None:
    content = each(area=area)
    if area == 'missing':
        content = edited(lambda c: [a.pop('area') for a in c['annotations']])
    said = refused_by(content, tmp_path / 'ann.json')
    assert said.keys() == {'metric', 'evaluation'}
    assert 'set use_area=False in the evaluator' in said['metric']
    assert 'metric' not in refused_by(content, tmp_path / 'ann.json', use_area=False)


def test_other_numbers_of_keypoints_are_refused_when_the_config_is_known(
    tmp_path: Path,
) -> None:
    ann_file = write(each(keypoints=[9, 9, 2] * 21), tmp_path / 'ann.json')
    message = r'annotation 1 .* has 21 keypoints \(63 numbers\), but 17 are expected'
    with pytest.raises(ValueError, match=message):
        HumanArtVLDataset(ann_file)
    metric = ScenarioCocoMetric(ann_file)
    with pytest.raises(ValueError, match=message):
        metric.dataset_meta = HumanArtVLDataset(lazy_init=True).metainfo


@pytest.mark.parametrize('keypoints', [None, [], [0] * 51, 'missing'])
def test_records_without_keypoints_are_ignored_as_coco_ignores_them(
    keypoints: object, tmp_path: Path
) -> None:
    """A person on their bbox is no error of the model."""

    def edit(content: dict) -> None:
        record = content['annotations'][3]
        record.update(keypoints=keypoints, num_keypoints=0)
        if keypoints == 'missing':
            del record['keypoints'], record['area']

    ann_file = write(edited(edit), tmp_path / 'ann.json')
    assert len(CocoVLDataset(ann_file)) == 3
    # All four are found.
    found = samples(CocoVLDataset(write(CLEAN, tmp_path / 'all.json')))
    scores, _ = scored(ann_file, found, tmp_path)
    assert scores['coco/instances'] == 3 and scores['coco/AP'] == 1


def test_nobody_left_counts_the_reasons(tmp_path: Path) -> None:
    def edit(content: dict) -> None:
        content['categories'].append(dict(id=5, name='dog'))
        first, second, third, fourth = content['annotations']
        first.update(iscrowd=1)
        second.update(bbox=[500, 500, 9, 9])
        third.update(keypoints=None)
        fourth.update(category_id=5)

    ann_file = write(edited(edit), tmp_path / 'ann.json')
    with pytest.raises(ValueError) as caught:
        CocoVLDataset(ann_file)
    for reason in (
        '0 of 4 annotations of',
        '1 crowds',
        '1 whose bbox covers nothing of the image',
        '1 without labeled keypoints',
        '1 of another category than 1 (person)',
    ):
        assert reason in str(caught.value)


@pytest.mark.parametrize(
    ('detections', 'message'),
    [
        ([], '0 of 0 detections of .*found.json are usable; detect people first'),
        (
            dict(image_id=99),
            'found.json: a record has the image_id 99, .*ann.json, whose .* like .*; so',
        ),
        (dict(bbox=[1, 2, 3, NAN]), r'detection 0 .*\(on image 7\) has the bbox'),
        (dict(bbox=None), 'has no bbox; write four finite numbers'),
        (dict(score='1'), 'has the score "1"'),
        (dict(bbox=[1, 2, 0, 0]), 'no bbox has a width and a height; bbox_format is'),
        (dict(category_id=[1]), r'the category_id of record 0 is \[1\]; write an integer'),
    ],
)
def test_detections_that_are_not_usable_are_refused(
    detections: list | dict, message: str, tmp_path: Path
) -> None:
    good = dict(image_id=7, category_id=1, bbox=[1, 2, 30, 40], score=0.9)
    content = [good | detections] * 2 if isinstance(detections, dict) else detections
    found = write(content, tmp_path / 'found.json')
    ann_file = write(CLEAN, tmp_path / 'ann.json')
    with pytest.raises(ValueError, match=message):
        CocoVLDataset(ann_file, bbox_file=found, test_mode=True)
    write([good], tmp_path / 'found.json')
    with pytest.raises(ValueError, match='0 of 1 bboxes of .*found.json .*bbox_score_thr'):
        CocoVLDataset(
            ann_file, bbox_file=found, test_mode=True, filter_cfg=dict(bbox_score_thr=0.99)
        )


@pytest.mark.fast
@pytest.mark.parametrize(
    ('categories', 'person'),
    [
        ([(0, 'person')], 0),
        ([(1, 'dog'), (2, 'Person')], 2),
        ([(3, 'dog'), (4, 'figure')], 4),  # has the keypoints
        ([('human', '')], 'human'),
    ],
)
def test_the_category_of_people_is_found_and_written(
    categories: list, person: object, tmp_path: Path
) -> None:
    def edit(content: dict) -> None:
        content['categories'] = [dict(id=i, name=name) for i, name in categories]
        for annotation in content['annotations']:
            annotation['category_id'] = person
        dog = dict(id=5, image_id=7, category_id=categories[0][0], bbox=[0, 0, 9, 9])
        if len(categories) > 1:
            content['annotations'].insert(0, dog)

    content = edited(edit)
    ann_file = write(content, tmp_path / 'ann.json')
    found = samples(CocoVLDataset(ann_file))
    scores, written = scored(ann_file, found, tmp_path)
    assert scores['coco/AP'] == 1 and len(found) == len(written) == 4
    assert {record['category_id'] for record in written} == {person}
    # Detectors have their own.
    detections = [
        dict(image_id=s['img_id'], category_id=0, bbox=[9, 9, 30, 30], score=1)
        for s in found
    ]
    bbox_file = write(detections, tmp_path / 'found.json')
    dataset = CocoVLDataset(ann_file, bbox_file=bbox_file, test_mode=True)
    assert len(dataset) == 4


def test_several_categories_that_may_be_people_are_listed(tmp_path: Path) -> None:
    content = edited(lambda c: c.update(categories=[dict(id=1), dict(id=2, name='man')]))
    content['annotations'][0]['category_id'] = 2
    said = refused_by(content, tmp_path / 'ann.json')
    assert len(said) == 3
    for text in said.values():
        assert 'does not say which category is a person: it has 1, 2 (man); name' in text


@pytest.mark.parametrize(
    ('ids', 'names', 'kept'),
    [
        ((1, 3), {1: 'person'}, [0]),
        ((0, 1), {1: 'person'}, [0]),  # counted from 0
        ((0, 1), {0: 'dog', 1: 'person'}, [1]),
        ((0, 0), {1: 'person'}, [0, 1]),
        ((2, 2), {1: 'person'}, [0, 1]),
        ((2, 2), {1: 'person', 2: 'dog'}, []),
        ((None, 1), {}, [0, 1]),
    ],
)
def test_results_and_detections_may_number_people_otherwise(
    ids: tuple, names: dict, kept: list
) -> None:
    records = [dict(category_id=i) for i in ids]
    people = people_of(records, 'found.json', 1, names)
    assert people == [records[i] for i in kept]
    with pytest.raises(ValueError, match=r'found.json does .*: it has 2, 3, but not 1'):
        people_of([dict(category_id=i) for i in (2, 3)], 'found.json', 1, {1: 'person'})


BIG = 2**62


@pytest.mark.parametrize(
    'change',
    [
        str,
        lambda number: BIG + number,
        lambda number: -number,
        lambda number: f'{number}' if number % 2 else number,
    ],
    ids=['text', '64 bits', 'negative', 'mixed'],
)
def test_ids_may_be_text_or_of_64_bits_and_are_written_as_they_are(
    change: Callable, tmp_path: Path
) -> None:
    def edit(content: dict) -> None:
        for record in (*content['images'], *content['annotations']):
            for key in record.keys() & {'id', 'image_id'}:
                record[key] = change(record[key])

    ann_file = write(edited(edit), tmp_path / 'ann.json')
    dataset = HumanArtVLDataset(ann_file)
    scores, written = scored(ann_file, samples(dataset), tmp_path)
    assert scores['coco/AP'] == scores['coco/sketch/AP'] == 1
    assert scores['coco/instances'] == len(dataset) == 4
    img_ids = [change(7)] * COUNTS[0] + [change(8)] * COUNTS[1]
    assert [record['image_id'] for record in written] == img_ids
    result_file = write(written, tmp_path / 'results.json')
    evaluation = evaluate_file(ann_file, result_file)
    assert evaluation.scores().AP == 1
    assert evaluation.images('sketch') == [change(7)]
    assert evaluation.image_oks() == pytest.approx({change(7): 1, change(8): 1})
    assert evaluation.instance_oks().keys() == {change(i) for i in (1, 2, 3, 4)}


def test_an_annotation_file_without_annotations_names_images_for_results(
    tmp_path: Path,
) -> None:
    content = edited(lambda c: c.pop('annotations'))
    ann_file = write(content, tmp_path / 'ann.json')
    assert Annotations(ann_file, is_labeled=False).person_id == 1
    found = samples(CocoVLDataset(write(CLEAN, tmp_path / 'all.json')))
    scores, written = scored(ann_file, found, tmp_path, format_only=True)
    assert scores == {} and len(written) == 4
