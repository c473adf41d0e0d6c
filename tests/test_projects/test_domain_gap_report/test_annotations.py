"""Annotation files joined, and their images found."""

import copy
import json
from pathlib import Path

import pytest

from projects.domain_gap_report.annotations import ImageFiles, check_same, joined
from tests.test_projects.test_domain_gap_report.conftest import ART, BOTH, PHOTOS
from vlpose_mm.evaluation.functional.coco_files import read_annotations


def test_images_that_two_files_have_count_once(mini_data: Path) -> None:
    art, photos, both = (read_annotations(mini_data / n) for n in (ART, PHOTOS, BOTH))
    whole = joined([art, both, photos])
    assert whole.imgs.keys() == both.imgs.keys()
    assert len(whole.anns) == len(both.anns) == len(art.anns) + len(photos.anns)
    for img_id in both.imgs:
        assert [a['keypoints'] for a in whole.imgToAnns[img_id]] == [
            a['keypoints'] for a in both.imgToAnns[img_id]
        ]


@pytest.mark.parametrize('change', ['image', 'keypoint', 'person'])
def test_refuses_files_that_disagree(change: str, mini_data: Path, tmp_path: Path) -> None:
    content = json.loads((mini_data / ART).read_text())
    other = copy.deepcopy(content)
    if change == 'image':
        other['images'][0]['file_name'] = 'another.jpg'
    elif change == 'keypoint':
        other['annotations'][0]['keypoints'][0] += 1
    else:
        del other['annotations'][0]
    (tmp_path / 'other.json').write_text(json.dumps(other))
    one = read_annotations(mini_data / ART)
    with pytest.raises(ValueError, match='disagree on image'):
        check_same(one, read_annotations(tmp_path / 'other.json'))


@pytest.mark.parametrize('name', [ART, PHOTOS, BOTH])
def test_finds_images_beside_their_annotation_file(name: str, mini_data: Path) -> None:
    files = ImageFiles([], [mini_data / name])
    images = json.loads((mini_data / name).read_text())['images']
    found = [files.find(image['file_name']) for image in images]
    assert all(
        path.name == Path(i['file_name']).name
        for path, i in zip(found, images, strict=True)
    )


def test_a_given_folder_comes_first_and_a_missing_image_is_none(tmp_path: Path) -> None:
    for folder in ('given', 'data/val2017'):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / 'a.jpg').write_bytes(b'')
    ann_file = tmp_path / 'data/annotations/person_keypoints_val2017.json'
    files = ImageFiles([tmp_path / 'given'], [ann_file])
    assert files.find('a.jpg') == tmp_path / 'given/a.jpg'
    assert ImageFiles([], [ann_file]).find('a.jpg') == tmp_path / 'data/val2017/a.jpg'
    assert files.find('b.jpg') is None
