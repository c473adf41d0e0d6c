"""Boxes of people: given, in COCO's files, and the whole image."""

import json
from pathlib import Path

import numpy as np
import pytest

from vlpose_mm.apis.bboxes import (
    BoxFile,
    People,
    given_people,
    shrunk,
    usable,
    whole_image,
)

TRUTH = dict(
    images=[
        dict(
            id=7, file_name='HumanArt/images/a/sketch/000000000001.jpg', category='sketch'
        ),
        dict(id=8, file_name='HumanArt/images/a/mural/000000000001.jpg'),
    ],
    annotations=[
        dict(image_id=7, bbox=[10, 20, 30, 40], category_id=1),
        dict(image_id=7, bbox=[0, 0, 5, 5], category_id=1, iscrowd=1),
        dict(image_id=8, bbox=[1, 2, 3, 4], category_id=1),
    ],
)


def write(path: Path, content: object) -> str:
    path.write_text(json.dumps(content))
    return str(path)


def test_the_whole_image_is_one_sure_person() -> None:
    people = whole_image(64, 48)
    assert people.boxes.tolist() == [[0, 0, 64, 48]] and people.scores.tolist() == [1]


def test_a_shrunk_box_keeps_its_middle() -> None:
    assert shrunk(np.array([[10, 20, 50, 100]]), 2).tolist() == [[20, 40, 40, 80]]


def test_given_boxes_may_have_scores() -> None:
    assert given_people([[0, 1, 2, 3]], 'a').scores.tolist() == [1]
    assert given_people([0, 1, 2, 3, 0.5], 'a').scores.tolist() == [0.5]
    assert given_people([], 'a').boxes.shape == (0, 4)


@pytest.mark.parametrize('boxes', [[[1, 2, 3]], 'abc', [[[1, 2, 3, 4]]], [[1, 2], [3]]])
def test_what_is_no_box_is_refused(boxes: object) -> None:
    with pytest.raises(ValueError, match='Boxes of a.jpg must be corners'):
        given_people(boxes, 'a.jpg')


def test_a_box_is_cut_to_its_image_as_those_of_datasets_are() -> None:
    people, problems = usable(given_people([[-5, 10, 200, 40]], 'a'), 100, 50)
    assert people.boxes.tolist() == [[0, 10, 100, 40]] and not problems


@pytest.mark.parametrize(
    'box, problem',
    [
        ([100, 0, 120, 20], 'holds not a pixel of the 100 x 50 image'),
        ([0, -30, 20, 0.5], 'holds not a pixel'),
        ([float('nan'), 0, 9, 9], 'the box nan, 0, 9, 9 or its score is not finite'),
        ([0, 0, float('inf'), 9], 'not finite'),
        ([30, 10, 20, 40], 'has no size; give corners'),
    ],
)
def test_a_box_that_holds_nothing_is_left_out_and_the_others_stay(box, problem) -> None:
    people, (told,) = usable(given_people([box, [1, 2, 30, 40]], 'a'), 100, 50)
    assert people.boxes.tolist() == [[1, 2, 30, 40]] and problem in told


def test_an_annotation_file_knows_images_by_the_end_of_their_path(tmp_path) -> None:
    boxes = BoxFile(write(tmp_path / 'truth.json', TRUTH))
    path = '/data/HumanArt/images/a/sketch/000000000001.jpg'
    assert boxes.image_id(path) == 7
    assert boxes.people(path, 0.3).boxes.tolist() == [[10, 20, 40, 60]]
    assert boxes.words(path) == dict(category='sketch')
    assert boxes.image_id(path.replace('sketch', 'mural')) == 8
    with pytest.raises(ValueError, match='truth.json has no image elsewhere/1.jpg'):
        boxes.image_id('elsewhere/1.jpg')


def test_a_detection_file_knows_cocos_images_by_their_number(tmp_path) -> None:
    found = [
        dict(image_id=139, category_id=1, bbox=[1, 2, 3, 4], score=0.9),
        dict(image_id=139, category_id=1, bbox=[5, 6, 7, 8], score=0.2),
        dict(image_id=139, category_id=2, bbox=[5, 6, 7, 8], score=0.9),
    ]
    boxes = BoxFile(write(tmp_path / 'found.json', found))
    people = boxes.people('val2017/000000000139.jpg', bbox_thr=0.3)
    assert isinstance(people, People) and people.boxes.tolist() == [[1, 2, 4, 6]]
    assert people.scores == np.float32(0.9)
    with pytest.raises(ValueError, match='give its annotation file as well'):
        boxes.people('000000000140.jpg', 0.3)


def test_an_annotation_file_says_which_images_detections_are_of(tmp_path) -> None:
    found = [dict(image_id=7, category_id=1, bbox=[10, 20, 40, 60], score=0.9)]
    truth = write(tmp_path / 'truth.json', TRUTH)
    boxes = BoxFile(write(tmp_path / 'found.json', found), truth, bbox_format='xyxy')
    people = boxes.people('x/HumanArt/images/a/sketch/000000000001.jpg', 0.3)
    assert people.boxes.tolist() == [[10, 20, 40, 60]]


@pytest.mark.parametrize(
    'content', [dict(images=[]), [dict(image_id=1)], [1], 'text', dict(annotations=[[]])]
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: object) -> None:
    with pytest.raises(ValueError, match="found.json is no file of boxes like COCO's"):
        BoxFile(write(tmp_path / 'found.json', content))


def test_a_file_that_is_no_json_or_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / 'a.json').write_text('{')
    with pytest.raises(ValueError, match='a.json is no JSON'):
        BoxFile(tmp_path / 'a.json')
    with pytest.raises(OSError, match='Cannot read .*b.json: No such file'):
        BoxFile(tmp_path / 'b.json')
    with pytest.raises(ValueError, match="'xywh' or 'xyxy'"):
        BoxFile(tmp_path / 'a.json', bbox_format='cxcywh')
