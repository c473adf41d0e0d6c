"""The stand-in reads annotations and results as xtcocotools does."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest
import xtcocotools.coco
from xtcocotools import mask

from tests.test_evaluation import synthetic
from vlpose_mm.compat.xtcocotools import coco

# The same where xtcocotools is not installed.
CLASSES = pytest.mark.parametrize('cls', [coco.COCO, xtcocotools.coco.COCO])


@pytest.fixture
def content() -> dict:
    annotations = synthetic.annotations()
    del annotations['annotations'][0]['iscrowd']
    return annotations


@CLASSES
def test_a_file_and_its_content_give_the_same(
    cls: type, content: dict, tmp_path: Path
) -> None:
    path = synthetic.write(content, tmp_path / 'ann.json')
    read, given = cls(path), cls(path, ann_data=content)
    assert read.anno_file == given.anno_file == [path]
    for name in ('dataset', 'anns', 'imgs', 'cats', 'imgToAnns', 'catToImgs'):
        assert getattr(read, name) == getattr(given, name) != {}
    assert given.dataset is content


@CLASSES
def test_an_annotation_is_of_no_crowd_unless_it_says_so(
    cls: type, content: dict, tmp_path: Path
) -> None:
    before = [dict(iscrowd=False) | record for record in content['annotations']]
    loaded = cls(synthetic.write(content, tmp_path / 'ann.json'))
    assert loaded.dataset['annotations'] == before
    assert loaded.getAnnIds(iscrowd=False)[0] == before[0]['id']


@CLASSES
def test_only_the_keypoints_of_test_index_are_kept(
    cls: type, content: dict, tmp_path: Path
) -> None:
    path = synthetic.write(content, tmp_path / 'ann.json')
    loaded = cls(path, test_index=[4, 0])
    for before in content['annotations']:
        points = before['keypoints']
        after = loaded.anns[before['id']]['keypoints']
        assert after == points[12:15] + points[:3] and type(after) is list


@CLASSES
def test_results_are_of_the_same_class_and_know_their_file(
    cls: type, content: dict, tmp_path: Path
) -> None:
    path = synthetic.write(content, tmp_path / 'ann.json')
    results = synthetic.results(content)
    result_file = synthetic.write(results, tmp_path / 'results.json')
    coco_gt = cls(path)
    loaded = [
        coco_gt.loadRes(result_file),
        coco_gt.loadRes(copy.deepcopy(results)),
        coco_gt.loadRes('not there', copy.deepcopy(results)),
    ]
    assert coco_gt.anno_file == [path, result_file]
    for coco_dt in loaded:
        assert type(coco_dt) is cls and coco_dt.anno_file == [None]
        assert coco_dt.dataset == loaded[0].dataset and coco_dt.anns == loaded[0].anns
        assert list(coco_dt.anns) == list(range(1, len(results) + 1))
        assert coco_dt.imgs == coco_gt.imgs and coco_dt.cats == coco_gt.cats
    rows = np.array([[content['images'][0]['id'], 1, 2, 3, 4, 0.5, 1]])
    (row,) = coco_gt.loadRes(rows).anns.values()
    assert row['bbox'] == [1, 2, 3, 4] and row['area'] == 12


@CLASSES
def test_there_may_be_no_results(cls: type, content: dict, tmp_path: Path) -> None:
    coco_gt = cls(synthetic.write(content, tmp_path / 'ann.json'))
    empty = synthetic.write([], tmp_path / 'results.json')
    for results in (empty, []):
        coco_dt = coco_gt.loadRes(results)
        assert type(coco_dt) is cls and coco_dt.anns == {}
        assert coco_dt.imgs == coco_gt.imgs
    with pytest.raises(AssertionError, match='do not correspond'):
        coco_gt.loadRes([dict(image_id=-1, keypoints=[])])
    assert json.loads(Path(empty).read_text()) == []


def test_polygons_become_masks() -> None:
    # As MMPose's bottom-up transforms do.
    rles = mask.frPyObjects([[1, 1, 5, 1, 5, 3, 1, 3]], 6, 8)
    assert mask.decode(mask.merge(rles)).sum() == mask.area(rles)[0] == 8
