"""Bboxes of a call and of COCO's annotation and detection files."""

import json
from pathlib import Path

import numpy as np
import pytest

from vlpose_mm.apis import BBoxFile
from vlpose_mm.apis.bboxes import check_bboxes, clip_bboxes

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
def test_a_score_is_1_unless_there_is_one_and_other_shapes_are_refused() -> None:
    assert check_bboxes([[0, 1, 2, 3]], 'a').tolist() == [[0, 1, 2, 3, 1]]
    assert check_bboxes([0, 1, 2, 3, 0.5], 'a').tolist() == [[0, 1, 2, 3, 0.5]]
    assert check_bboxes([], 'a').shape == (0, 5)
    for bboxes in ([[1, 2, 3]], 'abc', [[[1, 2, 3, 4]]], [[1, 2], [3]]):
        with pytest.raises(ValueError, match='The bboxes of a.jpg must be x1, y1, x2, y2'):
            check_bboxes(bboxes, 'a.jpg')


@pytest.mark.parametrize(
    'bbox, problem',
    [
        ([100, 0, 120, 20], 'covers no pixel of the 100 x 50 image'),
        ([0, -30, 20, 0.5], 'covers no pixel'),
        ([float('nan'), 0, 9, 9], 'the bbox nan, 0, 9, 9 or its score is not finite'),
        ([0, 0, float('inf'), 9], 'not finite'),
        ([30, 10, 20, 40], 'has no size; give x1, y1, x2, y2'),
    ],
)
def test_bboxes_are_clipped_and_those_that_cover_nothing_dropped(bbox, problem) -> None:
    bboxes = check_bboxes([bbox, [-5, 2, 300, 40]], 'a')
    clipped, (reason,) = clip_bboxes(bboxes, 100, 50)
    assert clipped.tolist() == [[0, 2, 100, 40, 1]] and problem in reason


@pytest.mark.fast
def test_an_annotation_file_finds_images_by_the_end_of_their_path(tmp_path) -> None:
    truth = write(tmp_path / 'truth.json', TRUTH)
    file, path = BBoxFile(truth), f'/data/{SKETCH}'
    assert file.image_id(path) == 7 and file.text_info(path) == dict(category='sketch')
    assert file.bboxes(path, 0.3).tolist() == [[10, 20, 40, 60, 1]]
    assert file.image_id(path.replace('sketch', 'mural')) == 8
    with pytest.raises(ValueError, match='has no image elsewhere/1.jpg, or several'):
        file.image_id('elsewhere/1.jpg')
    # It names the images of detections as well.
    found = [dict(image_id=7, category_id=1, bbox=[10, 20, 40, 60], score=1)]
    file = BBoxFile(write(tmp_path / 'found.json', found), truth, bbox_format='xyxy')
    assert file.bboxes(f'x/{SKETCH}', 0.3).tolist() == [[10, 20, 40, 60, 1]]


@pytest.mark.parametrize(
    'image_id', ['a/1.jpg', 'C:\\data\\a\\1.jpg', '1.jpg', '1', '0001', 1, 7, '7', 'x/a/1']
)
def test_detections_of_other_tools_name_images_in_their_ways(tmp_path, image_id) -> None:
    truth = dict(
        images=[dict(id=7, file_name='data/a/1.jpg'), dict(id=8, file_name='data/a/2.png')],
        annotations=[],
        categories=[dict(id=1, name='person')],
    )
    found = [dict(image_id=image_id, category_id=0, bbox=[1, 2, 3, 4], score=1)]
    path = write(tmp_path / 'found.json', found)
    file = BBoxFile(path, write(tmp_path / 'truth.json', truth))
    assert file.bboxes('elsewhere/1.jpg', 0).tolist() == [[1, 2, 4, 6, 1]]
    assert file.bboxes('elsewhere/2.png', 0).tolist() == []
    if image_id not in (7, '7'):
        assert BBoxFile(path).bboxes('b/1.jpg', 0).tolist() == [[1, 2, 4, 6, 1]]


def test_detections_of_other_images_are_refused_with_what_both_look_like(tmp_path) -> None:
    truth = dict(images=[dict(id=7, file_name='a/1.jpg')], annotations=[], categories=[])
    found = [dict(image_id='frame_9', category_id=0, bbox=[1, 2, 3, 4], score=1)]
    with pytest.raises(ValueError, match="like 'frame_9'.*names there like 'a/1.jpg"):
        BBoxFile(write(tmp_path / 'f.json', found), write(tmp_path / 't.json', truth))


def test_a_detection_file_finds_images_by_their_number(tmp_path) -> None:
    rows = ([1, 2, 3, 4], 1, 0.9), ([5, 6, 7, 8], 1, 0.2), ([5, 6, 7, 8], 2, 0.9)
    found = [dict(image_id=139, bbox=b, category_id=c, score=s) for b, c, s in rows]
    file = BBoxFile(write(tmp_path / 'found.json', found))
    (bbox,) = file.bboxes('val2017/000000000139.jpg', bbox_thr=0.3)
    assert bbox[:4].tolist() == [1, 2, 4, 6] and bbox[4] == np.float32(0.9)
    with pytest.raises(ValueError, match='give its annotation file as well'):
        file.bboxes('000000000140.jpg', 0.3)


@pytest.mark.parametrize(
    'categories, ids, kept',
    [
        ([(1, 'dog'), (2, 'person')], (1, 2), 2),
        ([(0, 'person')], (0,), 0),
        ([], (0, 1), 0),  # counted from 0
        ([], (3,), 3),
        ([], (2, 1), 1),
    ],
)
@pytest.mark.parametrize('image_id', [2**60, 'first'])
def test_people_are_of_the_category_that_is_named_so_or_alone(
    tmp_path, categories, ids, kept, image_id
) -> None:
    records = [dict(image_id=image_id, bbox=[i, 0, 9, 9], category_id=i) for i in ids]
    truth = dict(
        images=[dict(id=image_id, file_name='a.jpg')],
        annotations=records,
        categories=[dict(id=i, name=name) for i, name in categories],
    )
    path = write(tmp_path / 'truth.json', truth)
    found = write(tmp_path / 'found.json', records)
    for file in (BBoxFile(path), BBoxFile(found, path)):
        assert file.image_id('a.jpg') == image_id
        assert file.bboxes('a.jpg', 0).tolist() == [[kept, 0, kept + 9, 9, 1]]


def test_a_file_whose_people_are_unknown_is_refused(tmp_path) -> None:
    records = [dict(image_id=1, bbox=[0, 0, 9, 9], category_id=i) for i in (2, 3)]
    with pytest.raises(ValueError, match=r'found.json does not .*: it has 2, 3, but not 1'):
        BBoxFile(write(tmp_path / 'found.json', records))
    truth = dict(
        images=[], annotations=records, categories=[dict(id=2), dict(id=3, name='ox')]
    )
    with pytest.raises(
        ValueError, match=r'truth.json does not .*: it has 2, 3 \(ox\); name'
    ):
        BBoxFile(write(tmp_path / 'truth.json', truth))


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / 'found.json'
    others = [dict(images=[]), [dict(image_id=1)], [1], 'text', dict(annotations=[[]])]
    for content in others:
        with pytest.raises(ValueError, match='found.json is neither an annotation file'):
            BBoxFile(write(path, content))
    path.write_text('{')
    with pytest.raises(ValueError, match='found.json is not JSON'):
        BBoxFile(path)
    with pytest.raises(OSError, match='Cannot read .*b.json: No such file'):
        BBoxFile(tmp_path / 'b.json')
    with pytest.raises(ValueError, match="'xywh' or 'xyxy'"):
        BBoxFile(path, bbox_format='cxcywh')


def test_a_file_has_the_bboxes_of_images_in_any_folder_but_not_of_arrays(
    demo, image, sketches, annotations, tmp_path, monkeypatch
) -> None:
    with pytest.raises(ValueError, match='has bboxes of image files only'):
        list(demo(image, bboxes=annotations))
    monkeypatch.chdir(tmp_path)
    Path('a.jpg').write_bytes(Path(sketches[0]).read_bytes())
    truth = dict(
        images=[dict(id='a', file_name='a.jpg')],
        annotations=[dict(image_id='a', bbox=[10, 20, 30, 40], category_id=2)],
        categories=[dict(id=1, name='dog'), dict(id=2, name='person')],
    )
    write(tmp_path / 'found.json', truth)
    (result,) = demo('a.jpg', bboxes='found.json')
    assert result['image_id'] == 'a' and len(result['predictions'][0]) == 1
    demo.save('a.jpg', 'out', bboxes='found.json')
    written = json.loads(Path('out/annotations.json').read_text())
    (record,), (category,) = written['annotations'], written['categories']
    assert record['image_id'] == 'a' and record['category_id'] == category['id'] == 2
