"""Join annotation files, and find their images."""

import copy
import json
from pathlib import Path

import pytest

from projects.domain_gap_report.annotations import (
    ImageFinder,
    check_agreement,
    join_annotations,
)
from tests.test_projects.test_domain_gap_report.conftest import ART, FILES, write
from vlpose_mm.evaluation.functional.coco_files import read_annotations


def test_joined_files_have_each_image_once(mini_data: Path) -> None:
    cocos = {kind: read_annotations(mini_data / name) for kind, name in FILES.items()}
    joined = join_annotations([cocos['art'], cocos['both'], cocos['photos']])
    both = cocos['both']
    assert joined.imgs.keys() == both.imgs.keys()
    assert len(joined.anns) == len(both.anns)
    for img_id in both.imgs:
        assert [a['keypoints'] for a in joined.imgToAnns[img_id]] == [
            a['keypoints'] for a in both.imgToAnns[img_id]
        ]


@pytest.mark.parametrize('change', ['image', 'keypoint', 'instance'])
def test_refuses_files_that_disagree(change: str, mini_data: Path, tmp_path: Path) -> None:
    content = json.loads((mini_data / ART).read_text())
    other = copy.deepcopy(content)
    if change == 'image':
        other['images'][0]['file_name'] = 'another.jpg'
    elif change == 'keypoint':
        other['annotations'][0]['keypoints'][0] += 1
    else:
        del other['annotations'][0]
    other = read_annotations(write(tmp_path / 'other.json', other))
    with pytest.raises(ValueError, match='disagree on image'):
        check_agreement(read_annotations(mini_data / ART), other)


def test_finds_images_near_annotation_files_and_first_in_given_folders(
    mini_data: Path, tmp_path: Path
) -> None:
    for name in FILES.values():
        finder = ImageFinder([], [mini_data / name])
        for image in json.loads((mini_data / name).read_text())['images']:
            assert finder.find(image['file_name']).name == Path(image['file_name']).name
    for folder in ('given', 'data/val2017'):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / 'a.jpg').touch()
    ann_file = tmp_path / 'data/annotations/person_keypoints_val2017.json'
    assert ImageFinder([], [ann_file]).find('a.jpg') == tmp_path / 'data/val2017/a.jpg'
    finder = ImageFinder([tmp_path / 'given'], [ann_file])
    assert finder.find('a.jpg') == tmp_path / 'given/a.jpg'
    assert finder.find('b.jpg') is None
