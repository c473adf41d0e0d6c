"""Generated files of COCO: the answer is right, or one clear error."""

import contextlib
import copy
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.generated import examples
from tests.test_datasets.coco_content import clean, samples, scored
from vlpose_mm.datasets import HumanArtVLDataset
from vlpose_mm.evaluation import evaluate_file

CLEAN = clean()
MISSING = 'MISSING'
NAN, INF = float('nan'), float('inf')
KEYPOINTS = [11.0, 12.0, 2] * 17

# What is right in no field.
JUNK = st.sampled_from(
    [None, MISSING, True, '', 'x', [], [[]], {}, NAN, INF, -INF, -1, 10**400]
)
IDS = st.one_of(st.integers(-9, 9), st.integers(2**53, 2**70), st.text(max_size=3))
ANY_ID = st.one_of(IDS, JUNK)
NUMBERS = st.one_of(st.integers(0, 300), st.floats(0, 300), JUNK)
FLAT = st.one_of(
    JUNK,
    st.lists(NUMBERS, min_size=3, max_size=6),
    st.builds(
        lambda i, value: [*KEYPOINTS[:i], value, *KEYPOINTS[i + 1 :]],
        st.integers(0, 50),
        NUMBERS,
    ),
    st.sampled_from([[0] * 51, KEYPOINTS * 2, KEYPOINTS[:-1], [KEYPOINTS], ['1'] * 51]),
)
BBOXES = st.one_of(JUNK, st.lists(NUMBERS, min_size=3, max_size=5))
FIELDS = dict(
    images=dict(
        id=ANY_ID,
        file_name=st.one_of(JUNK, st.text(max_size=3)),
        width=NUMBERS,
        height=NUMBERS,
    ),
    annotations=dict(
        id=ANY_ID,
        image_id=ANY_ID,
        category_id=ANY_ID,
        keypoints=FLAT,
        bbox=BBOXES,
        area=NUMBERS,
        iscrowd=st.one_of(JUNK, st.sampled_from([0, 1])),
        num_keypoints=st.one_of(JUNK, st.integers(0, 17)),
    ),
    categories=dict(
        id=ANY_ID,
        name=st.one_of(JUNK, st.sampled_from(['person', 'Person', 'dog'])),
        keypoints=st.one_of(JUNK, st.just(['nose'])),
    ),
)


def put(record: dict, key: str, value: object) -> None:
    record.pop(key, None)
    if value != MISSING:
        record[key] = value


@st.composite
def contents(draw: Callable) -> dict:
    """A right file with other ids and categories, and some values or tables replaced."""
    content = copy.deepcopy(CLEAN)
    if draw(st.booleans()):
        other = dict(id=draw(IDS), name=draw(st.sampled_from(['dog', 'x', None])))
        content['categories'].insert(draw(st.integers(0, 1)), other)
    for table, key in (('images', 'image_id'), ('categories', 'category_id')):
        new = draw(st.lists(IDS, min_size=2, max_size=2, unique_by=lambda i: (type(i), i)))
        ids = [record['id'] for record in content[table]]
        if draw(st.booleans()) and len({*ids}) == len(ids):
            renamed = dict(zip(ids, new, strict=False))
            for record in content[table]:
                record['id'] = renamed[record['id']]
            for annotation in content['annotations']:
                annotation[key] = renamed[annotation[key]]
    for _ in range(draw(st.integers(0, 3))):
        table = draw(st.sampled_from([*['annotations'] * 6, 'images', 'categories']))
        key = draw(st.sampled_from([*FIELDS[table]]))
        chosen = content[table]
        if draw(st.booleans()):
            chosen = [draw(st.sampled_from(chosen))]
        value = draw(FIELDS[table][key])
        for record in chosen:
            put(record, key, copy.deepcopy(value))
    fault = draw(st.integers(0, 40))
    if fault == 1:
        put(content, draw(st.sampled_from([*FIELDS])), draw(JUNK))
    elif fault == 2:
        content[draw(st.sampled_from([*FIELDS]))][0] = draw(JUNK)
    return content


def write(content: object, path: Path) -> str:
    path.write_text(json.dumps(content))
    return str(path)


@contextlib.contextmanager
def clear_errors(*names: str):
    """Only errors of one line that name the file; anything else fails the test."""
    try:
        yield
    except ValueError as error:
        text = str(error)
        assert '\n' not in text and len(text) < 1000
        assert any(name in text for name in names), text


def given_files(strategy: st.SearchStrategy, count: int) -> Callable:
    return lambda test: examples(count)(given(strategy)(test))


def usable(annotation: dict) -> bool:
    """Whether an annotation is an instance, said in other words than the product's."""
    keypoints = annotation.get('keypoints') or [0] * 51
    return not annotation.get('iscrowd') and bool(
        np.reshape(keypoints, (-1, 3))[:, 2].any()
    )


@given_files(contents(), 300)
def test_an_annotation_file_is_trained_and_scored_right_or_refused(content: dict) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ann_file = write(content, Path(folder) / 'ann.json')
        with clear_errors('ann.json'):
            dataset = HumanArtVLDataset(ann_file, serialize_data=False)
            # What is trained with is what the file says of that person, not of another.
            raw = {a['id']: a for a in content['annotations']}
            for info in dataset.data_list:
                told = raw[info['raw_ann_info']['id']]
                assert info['img_id'] == told['image_id'] and usable(told)
                keypoints = np.reshape(np.float32(told['keypoints']), (17, 3))
                np.testing.assert_array_equal(info['keypoints'][0], keypoints[:, :2])
                for key in ('keypoints', 'keypoints_visible', 'bbox', 'area'):
                    assert np.isfinite(info[key]).all()
            person = {info['category_id'].item() for info in dataset.data_list}
            assert len(person) == 1
            scores, written = scored(
                ann_file, samples(dataset), Path(folder), nms_mode='none'
            )
            assert {record['category_id'] for record in written} == person
            assert {r['image_id'] for r in written} <= {i['id'] for i in content['images']}
            people = [a for a in raw.values() if a['category_id'] in person]
            counted = sum(map(usable, people))
            assert scores['coco/instances'] == counted
            if len(dataset) == counted and all(a['area'] for a in people):
                # Each person is found where they are.
                assert scores['coco/AP'] > 0.999
            results = str(Path(folder) / 'metric.keypoints.json')
            assert evaluate_file(ann_file, results).scores().AP == scores['coco/AP']


@st.composite
def records(draw: Callable, **fields: st.SearchStrategy) -> object:
    """Detections or results, some of whose values are replaced."""
    rows = [
        dict(image_id=7, category_id=1, bbox=[9, 9, 50, 60], score=0.9, keypoints=KEYPOINTS)
        for _ in range(draw(st.integers(0, 3)))
    ]
    for _ in range(draw(st.integers(0, 3)) if rows else 0):
        key = draw(st.sampled_from([*fields]))
        chosen = rows if draw(st.booleans()) else [draw(st.sampled_from(rows))]
        value = draw(fields[key])
        for row in chosen:
            put(row, key, value)
    if draw(st.integers(0, 40)) == 1:
        return draw(st.one_of(JUNK, st.lists(JUNK, max_size=2)))
    return rows


RECORD = dict(image_id=ANY_ID, category_id=ANY_ID, bbox=BBOXES, score=NUMBERS)


@given_files(records(**RECORD), 200)
def test_detections_are_all_used_or_refused(content: object) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ann_file = write(CLEAN, Path(folder) / 'ann.json')
        found = write(content, Path(folder) / 'found.json')
        with clear_errors('found.json'):
            dataset = HumanArtVLDataset(
                ann_file, bbox_file=found, test_mode=True, serialize_data=False
            )
            assert 0 < len(dataset) <= len(content)
            assert {info['img_id'] for info in dataset.data_list} <= {7, 8}
            for info in dataset.data_list:
                assert np.isfinite(info['bbox']).all()
                assert np.isfinite(info['bbox_score']).all()


@given_files(records(**RECORD, keypoints=FLAT), 200)
def test_results_are_scored_or_refused(content: object) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ann_file = write(CLEAN, Path(folder) / 'ann.json')
        results = write(content, Path(folder) / 'results.json')
        with clear_errors('results.json'):
            scores = evaluate_file(ann_file, results).scores()
            assert 0 <= scores.AP <= 1 and scores.instances == 4
