"""Join annotation files, and find their images."""

from collections.abc import Callable
from pathlib import Path

import pytest

from projects.domain_gap_report.annotations import (
    ImageFinder,
    check_agreement,
    join_annotations,
)
from tests.test_projects.test_domain_gap_report.conftest import ART, FILES, read, write
from vlpose_mm.evaluation.functional.coco_files import read_annotations


def test_joined_files_have_each_image_once(mini_data: Path) -> None:
    cocos = {kind: read_annotations(mini_data / name) for kind, name in FILES.items()}
    joined = join_annotations([cocos['art'], cocos['both'], cocos['photos']])
    both = cocos['both']
    assert joined.imgs.keys() == both.imgs.keys() and len(joined.anns) == len(both.anns)
    for img_id in both.imgs:
        ours, theirs = (
            [a['keypoints'] for a in c.imgToAnns[img_id]] for c in (joined, both)
        )
        assert ours == theirs


@pytest.mark.parametrize(
    'edit',
    [
        lambda c: c['images'][0].update(file_name='another.jpg'),
        lambda c: c['annotations'][0]['keypoints'].__setitem__(0, -1),
        lambda c: c['annotations'].pop(0),
    ],
    ids=['image', 'keypoint', 'instance'],
)
def test_refuses_files_that_disagree(
    edit: Callable, mini_data: Path, tmp_path: Path
) -> None:
    content = read(mini_data / ART)
    edit(content)
    other = read_annotations(write(tmp_path / 'other.json', content))
    with pytest.raises(ValueError, match='disagree on image'):
        check_agreement(read_annotations(mini_data / ART), other)


def test_finds_images_first_in_the_named_folders_then_near_annotation_files(
    mini_data: Path, tmp_path: Path
) -> None:
    for name in FILES.values():
        finder = ImageFinder([], [mini_data / name])
        for image in read(mini_data / name)['images']:
            assert finder.find(image['file_name']).name == Path(image['file_name']).name
    near, named = tmp_path / 'data/val2017/a.jpg', tmp_path / 'named/a.jpg'
    for path in (near, named):
        path.parent.mkdir(parents=True)
        path.touch()
    ann_file = tmp_path / 'data/annotations/person_keypoints_val2017.json'
    assert ImageFinder([], [ann_file]).find('a.jpg') == near
    finder = ImageFinder([named.parent], [ann_file])
    assert finder.find('a.jpg') == named and finder.find('b.jpg') is None
