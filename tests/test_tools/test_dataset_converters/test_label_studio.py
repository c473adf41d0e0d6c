"""python -m vlpose_mm.tools.dataset_converters.label_studio"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.test_tools.test_dataset_converters.layouts import (
    BBOX,
    FLAT,
    POINTS,
    SIZE,
    image,
)
from vlpose_mm.tools.dataset_converters.keypoint_files import KEYPOINTS

PERCENT = 100 / np.array(SIZE)


def point(name: str, x: float, y: float, **others: object) -> dict:
    value = dict(x=x * PERCENT[0], y=y * PERCENT[1], width=0.5, keypointlabels=[name])
    return dict(value=value, id=f'{name}{x}', type='keypointlabels') | dict(others)


def rectangle(x: float, y: float, w: float, h: float, name: str = 'r', **more) -> dict:
    sides = dict(x=x * PERCENT[0], y=y * PERCENT[1], width=w * PERCENT[0])
    value = dict(sides, height=h * PERCENT[1], rotation=0, rectanglelabels=['Person'])
    return dict(value=value | more, id=name, type='rectanglelabels')


def skeleton(**others: object) -> list[dict]:
    pairs = zip(KEYPOINTS, POINTS.tolist(), strict=True)
    return [point(name, *xy, **others) for name, xy in pairs]


@pytest.fixture
def project(tmp_path: Path) -> Callable:
    """Write an export of one task on one image."""
    folder = tmp_path / 'data/custom'
    image(folder / 'images/1.jpg')

    def write(results: list[dict], **data: str) -> None:
        data = dict(image='/data/upload/7/0a1b2c3d-1.jpg') | data
        skipped = dict(result=[], was_cancelled=True, created_at='2026-03')
        former = dict(result=skeleton()[:3], created_at='2026-01')
        last = dict(result=results, created_at='2026-02')
        tasks = [dict(id=5, data=data, annotations=[former, last, skipped])]
        (folder / 'project.json').write_text(json.dumps(tasks))

    return write


@pytest.mark.fast
def test_percentages_become_pixels_and_columns_of_the_task_fields(
    project: Callable, convert: Callable
) -> None:
    project([rectangle(*BBOX), *skeleton()], category='mural', title='x')
    train = convert('label_studio', 'custom')['train']
    (record,), (annotation,) = train['images'], train['annotations']
    assert annotation['keypoints'] == FLAT and annotation['bbox'] == BBOX
    assert record == dict(
        id=1, file_name='images/1.jpg', width=100, height=140, category='mural'
    )


def test_keypoints_are_of_the_rectangle_that_they_are_in_linked_to_or_around_them(
    project: Callable, convert: Callable
) -> None:
    wide, narrow = rectangle(0, 0, 100, 140, 'wide'), rectangle(*BBOX, 'narrow')
    relations = [
        dict(type='relation', from_id=point('left_eye', 40, 40)['id'], to_id='wide'),
        dict(type='relation', from_id='wide', to_id=point('right_eye', 41, 41)['id']),
    ]
    own = [
        point('nose', 40, 41, parentID='wide'),
        point('left_eye', 40, 40),
        point('right_eye', 41, 41),
        point('left_ear', 95, 41),
    ]
    project([wide, narrow, *skeleton(), *own, *relations])
    one, other = convert('label_studio', 'custom')['train']['annotations']
    assert one['bbox'] == [0, 0, *SIZE] and one['num_keypoints'] == 4
    assert one['keypoints'][:6] == [40, 41, 2, 40, 40, 2]
    assert other['bbox'] == BBOX and other['keypoints'] == FLAT


def test_what_is_said_about_a_rectangle_is_no_second_person(
    project: Callable, convert: Callable
) -> None:
    drawn = rectangle(*BBOX)
    said = dict(value=drawn['value'] | dict(choices=['seated']), id='r', type='choices')
    project([*skeleton(), drawn, said])
    (annotation,) = convert('label_studio', 'custom')['train']['annotations']
    assert annotation['num_keypoints'] == 17 and np.allclose(annotation['bbox'], BBOX)


def test_without_rectangles_an_image_has_one_person(
    project: Callable, convert: Callable, refused: Callable
) -> None:
    project([*skeleton(), point('nose', 1, 1)])
    error = refused('label_studio', 'custom')
    assert 'project.json: 1.jpg: a person has two nose; draw a rectangle' in error
    project(skeleton())
    (found,) = convert('label_studio', 'custom')['train']['annotations']
    assert found['keypoints'] == FLAT and found['bbox'][0] < POINTS[0, 0]


def test_a_turned_rectangle_becomes_the_bbox_around_it(
    project: Callable, convert: Callable
) -> None:
    # Around its first corner, which is then at the top right.
    project([rectangle(75, 25, 95, 60, rotation=90), *skeleton()])
    (found,) = convert('label_studio', 'custom')['train']['annotations']
    assert np.allclose(found['bbox'], BBOX)


@pytest.mark.parametrize(
    'address',
    [
        '/data/local-files/?d=some/images/1.jpg',
        's3://bucket/1.jpg',
        'https://host/images/1.jpg?signature=a/b.jpg',
        '0a1b2c3d-1.jpg',
    ],
)
def test_images_are_found_by_the_names_of_every_storage(
    project: Callable, convert: Callable, address: str
) -> None:
    project(skeleton(), image=address)
    (record,) = convert('label_studio', 'custom')['train']['images']
    assert record['file_name'] == 'images/1.jpg'


def test_json_min_is_read_as_json(
    project: Callable, convert: Callable, tmp_path: Path
) -> None:
    results = [rectangle(*BBOX), *skeleton()]
    project(results)
    expected = convert('label_studio', 'custom')
    task = dict(
        id=5,
        image='/data/upload/7/0a1b2c3d-1.jpg',
        bbox=[results[0]['value']],
        kp=[each['value'] for each in results[1:]],
    )
    (tmp_path / 'data/custom/project.json').write_text(json.dumps([task]))
    assert convert('label_studio', 'custom') == expected


@pytest.fixture
def coco(tmp_path: Path) -> Callable:
    """Write a COCO export, as its converter does: rectangles have a category of theirs."""
    folder = tmp_path / 'data/custom'
    image(folder / 'images/0a1b2c3d-1.jpg')

    def write(rectangles: int, names: list[str] = KEYPOINTS, flat: list = FLAT) -> None:
        hull = [*POINTS[0], *(POINTS[-1] - POINTS[0])]
        own = dict(image_id=0, iscrowd=0)
        people = [
            dict(own, id=i, category_id=0, segmentation=[], bbox=BBOX, area=1, ignore=0)
            for i in range(rectangles)
        ]
        people.append(dict(own, id=9, category_id=1, keypoints=flat, bbox=hull))
        width, height = SIZE
        name = 'images\\0a1b2c3d-1.jpg'
        content = dict(
            images=[dict(width=width, height=height, id=0, file_name=name)],
            categories=[
                dict(id=0, name='Person'),
                dict(id=1, name='default', keypoints=names, skeleton=[]),
            ],
            annotations=people,
        )
        (folder / 'result.json').write_text(json.dumps(content))

    return write


@pytest.mark.parametrize(('rectangles', 'left'), [(1, BBOX[0]), (0, POINTS[0, 0] - 8)])
def test_a_coco_export_has_one_person_and_the_rectangle(
    coco: Callable, convert: Callable, rectangles: int, left: float
) -> None:
    coco(rectangles)
    (found,) = convert('label_studio', 'custom')['train']['annotations']
    assert found['keypoints'] == FLAT and found['bbox'][0] == left


def test_a_coco_export_that_lost_whose_the_keypoints_are_is_refused(
    coco: Callable, refused: Callable
) -> None:
    coco(2)
    error = refused('label_studio', 'custom')
    assert 'result.json does not say whose the keypoints on' in error
    assert 'export it as JSON' in error
    coco(1, names=[])
    assert 'no category with keypoints' in refused('label_studio', 'custom')
    coco(1, names=KEYPOINTS[:5])
    assert '5 keypoints have names, but people 17' in refused('label_studio', 'custom')


def test_faults_name_the_file_and_the_remedy(
    project: Callable, refused: Callable, tmp_path: Path
) -> None:
    name = 'label_studio', 'custom'
    project([rectangle(0, 0, 5, 5), *skeleton()])
    assert '1.jpg: its nose is in no rectangle' in refused(*name)
    project(skeleton(image_rotation=90))
    assert '1.jpg was annotated turned' in refused(*name)
    project([rectangle(*BBOX)])
    assert 'project.json has no keypoints' in refused(*name)
    project([point('hand', 3, 3)])
    assert 'none of its keypoints (hand)' in refused(*name)
    project(skeleton(), image='2.jpg')
    assert 'no image of task 5' in refused(*name)
    path = tmp_path / 'data/custom/project.json'
    for content in ('[1]', '[{"id": 1, "data": 3}]', '{"images": []}', '3'):
        path.write_text(content)
        assert 'project.json' in refused(*name)
    (tmp_path / 'data/custom/other.json').touch()
    assert 'has several JSON files, other.json and project.json' in refused(*name)
