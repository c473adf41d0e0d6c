"""Bboxes of COCO's annotation and detection files."""

import json
from pathlib import Path

import numpy as np
import pytest

from vlpose_mm.apis import BBoxFile

SKETCH = 'HumanArt/images/a/sketch/000000000001.jpg'
TRUTH = dict(
    images=[
        dict(id=7, file_name=SKETCH, category='sketch'),
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


@pytest.mark.fast
def test_an_annotation_file_finds_images_by_the_end_of_their_path(tmp_path) -> None:
    file = BBoxFile(write(tmp_path / 'truth.json', TRUTH))
    path = f'/data/{SKETCH}'
    assert file.image_id(path) == 7
    assert file.bboxes(path, 0.3).tolist() == [[10, 20, 40, 60, 1]]
    assert file.text_info(path) == dict(category='sketch')
    assert file.image_id(path.replace('sketch', 'mural')) == 8
    with pytest.raises(ValueError, match='truth.json has no image elsewhere/1.jpg.$'):
        file.image_id('elsewhere/1.jpg')


def test_a_detection_file_finds_images_by_their_number(tmp_path) -> None:
    found = [
        dict(image_id=139, category_id=1, bbox=[1, 2, 3, 4], score=0.9),
        dict(image_id=139, category_id=1, bbox=[5, 6, 7, 8], score=0.2),
        dict(image_id=139, category_id=2, bbox=[5, 6, 7, 8], score=0.9),
    ]
    file = BBoxFile(write(tmp_path / 'found.json', found))
    (bbox,) = file.bboxes('val2017/000000000139.jpg', bbox_thr=0.3)
    assert bbox[:4].tolist() == [1, 2, 4, 6] and bbox[4] == np.float32(0.9)
    with pytest.raises(ValueError, match='give its annotation file as well'):
        file.bboxes('000000000140.jpg', 0.3)


def test_an_annotation_file_names_the_images_of_detections(tmp_path) -> None:
    found = [dict(image_id=7, category_id=1, bbox=[10, 20, 40, 60], score=1)]
    truth = write(tmp_path / 'truth.json', TRUTH)
    file = BBoxFile(write(tmp_path / 'found.json', found), truth, bbox_format='xyxy')
    assert file.bboxes(f'x/{SKETCH}', 0.3).tolist() == [[10, 20, 40, 60, 1]]


@pytest.mark.parametrize(
    'content', [dict(images=[]), [dict(image_id=1)], [1], 'text', dict(annotations=[[]])]
)
def test_another_json_file_is_refused(tmp_path: Path, content: object) -> None:
    with pytest.raises(ValueError, match='found.json is neither an annotation file nor'):
        BBoxFile(write(tmp_path / 'found.json', content))


def test_a_file_that_is_not_json_or_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / 'a.json').write_text('{')
    with pytest.raises(ValueError, match='a.json is not JSON'):
        BBoxFile(tmp_path / 'a.json')
    with pytest.raises(OSError, match='Cannot read .*b.json: No such file'):
        BBoxFile(tmp_path / 'b.json')
    with pytest.raises(ValueError, match="'xywh' or 'xyxy'"):
        BBoxFile(tmp_path / 'a.json', bbox_format='cxcywh')


def test_videos_and_arrays_are_refused(demo, image, annotations, tmp_path) -> None:
    with pytest.raises(ValueError, match='has bboxes of image files only'):
        list(demo(image, bboxes=annotations))
