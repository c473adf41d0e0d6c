"""python -m vlpose_mm.tools.dataset_converters.cvat"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.test_tools.test_dataset_converters.layouts import (
    BBOX,
    FLAT,
    POINTS,
    SIZE,
    coco_file,
    image,
    person,
)
from vlpose_mm.tools.dataset_converters.cvat import main
from vlpose_mm.tools.dataset_converters.keypoint_files import KEYPOINTS


def named(folder: Path, names: list[str]) -> None:
    """Give the keypoints of the sample other names."""
    path = folder / 'annotations/person_keypoints_default.json'
    content = json.loads(path.read_text())
    content['categories'][0]['keypoints'] = names
    path.write_text(json.dumps(content))


def test_a_task_has_the_scenario_of_the_command_and_bboxes_around_its_skeletons(
    layout: Callable, convert: Callable
) -> None:
    layout('custom')
    splits = convert('cvat', 'custom', '--category', 'mural', '--val-every', '2')
    assert {*splits} == {'train', 'val'}
    (record,), (annotation,) = splits['train']['images'], splits['train']['annotations']
    assert record['file_name'] == 'images/default/1.jpg' and record['category'] == 'mural'
    assert annotation['keypoints'] == FLAT
    x, y, w, h = annotation['bbox']
    assert np.allclose([x, y], POINTS[0] - 8) and np.allclose([w, h], [64, 96])


def test_images_may_be_elsewhere_and_the_output_beside_the_input(
    layout: Callable, tmp_path: Path
) -> None:
    folder = layout('custom')
    shutil.move(folder / 'images', tmp_path / 'photos')
    (folder / 'images').symlink_to(tmp_path / 'photos')
    for _ in range(2):
        main([str(folder), str(folder / 'annotations')])
        images = json.loads((folder / 'annotations/train.json').read_text())['images']
        names = [each['file_name'] for each in images]
        assert names == ['images/default/1.jpg', 'images/default/2.jpg']


def test_subsets_are_splits(layout: Callable, convert: Callable) -> None:
    folder = layout('custom')
    path = folder / 'annotations/person_keypoints_default.json'
    for name, subset in ((1, 'Train'), (2, 'Validation')):
        target = path.with_name(f'person_keypoints_{subset}.json')
        coco_file(target, [dict(id=1, file_name=f'{name}.jpg')], [person()], KEYPOINTS)
    path.unlink()
    splits = convert('cvat', 'custom')
    assert {name: each['images'][0]['file_name'] for name, each in splits.items()} == dict(
        train='images/default/1.jpg', val='images/default/2.jpg'
    )


@pytest.mark.fast
def test_keypoints_may_be_in_another_order_spelling_and_number(
    layout: Callable, convert: Callable, capsys: pytest.CaptureFixture
) -> None:
    folder = layout('custom')
    names = ['neck', *KEYPOINTS[:0:-1], 'Nose']
    spelled = [name.replace('_', ' ').title() for name in names]
    spelled[1], spelled[2] = 'footR', 'leftAnkle'
    path = folder / 'annotations/person_keypoints_default.json'
    flat = [50, 20, 2, *np.reshape(FLAT, (17, 3))[::-1].ravel().tolist()]
    records = [dict(id=1, file_name='1.jpg')]
    bbox = [20, 20, 48, 90]  # of the keypoints, with the neck
    own = person(keypoints=flat, num_keypoints=18, bbox=bbox)
    coco_file(path, records, [own], spelled)
    (found,) = convert('cvat', 'custom')['train']['annotations']
    assert found['keypoints'] == [*FLAT[:-3], 0, 0, 0]
    assert found['bbox'] == [11, 11, 66, 108]
    assert 'there is no right_ankle; Neck, footR are omitted' in capsys.readouterr().err
    (found,) = convert('cvat', 'custom', '--rename', 'footR=right_ankle')['train'][
        'annotations'
    ]
    assert found['keypoints'] == FLAT
    assert capsys.readouterr().err == ''


def test_names_without_keypoints_at_the_end_do_not_matter(
    layout: Callable, convert: Callable
) -> None:
    named(layout('custom'), [*KEYPOINTS, 'left_finger'])  # as in Human-Art's files
    found = convert('cvat', 'custom')['train']['annotations']
    assert found[0]['keypoints'] == FLAT


def test_seventeen_numbered_keypoints_are_cocos_in_order(
    layout: Callable, convert: Callable, capsys: pytest.CaptureFixture
) -> None:
    named(layout('custom'), [str(number) for number in range(1, 18)])
    found = convert('cvat', 'custom')['train']['annotations']
    assert found[0]['keypoints'] == FLAT
    assert "its 17 keypoints are taken for COCO's, in order" in capsys.readouterr().err


def test_points_that_are_outside_are_not_labeled(
    layout: Callable, convert: Callable
) -> None:
    folder = layout('custom')
    flat = [*FLAT]
    flat[2] = 0  # CVAT keeps where it was
    flat[3:5] = SIZE[0] + 5, 4
    path = folder / 'annotations/person_keypoints_default.json'
    people = [person(keypoints=flat, bbox=BBOX)]
    coco_file(path, [dict(id=1, file_name='1.jpg')], people, KEYPOINTS)
    (found,) = convert('cvat', 'custom')['train']['annotations']
    assert found['keypoints'] == [0] * 6 + FLAT[6:] and found['num_keypoints'] == 15
    assert found['bbox'] == BBOX


def test_a_photo_of_a_phone_is_as_wide_as_it_is_shown(
    layout: Callable, convert: Callable
) -> None:
    from PIL import Image

    folder = layout('custom')
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = Image.new('RGB', SIZE[::-1], 'gray')
    turned.save(folder / 'images/default/1.jpg', exif=exif)
    images = convert('cvat', 'custom')['train']['images']
    assert [(each['width'], each['height']) for each in images] == [SIZE] * 2


def test_faults_name_the_file_and_the_remedy(layout: Callable, refused: Callable) -> None:
    folder = layout('custom')
    named(folder, ['a', 'b'])
    assert 'people have 17 keypoints, but their category names 2' in refused(
        'cvat', 'custom'
    )
    path = folder / 'annotations/person_keypoints_default.json'
    records, own = [dict(id=1, file_name='1.jpg')], person(keypoints=[9, 9, 2] * 2)
    coco_file(path, records, [own], ['a', 'b'])
    error = refused('cvat', 'custom')
    assert 'none of its keypoints (a, b) is one' in error and '--rename' in error
    assert '--rename a=hand: write NAME=KEYPOINT' in refused(
        'cvat', 'custom', '--rename', 'a=hand'
    )
    coco_file(path, records, [person(keypoints=[])], KEYPOINTS)
    assert 'nobody in it has keypoints' in refused('cvat', 'custom')
    image(folder / 'images/default/03.jpg')  # another one
    coco_file(path, [dict(id=1, file_name='3.jpg')], [person()], KEYPOINTS)
    assert 'data/custom has no image 3.jpg, or more than one' in refused('cvat', 'custom')
    (folder / 'images/default/1.jpg').write_text('no image')
    coco_file(path, records, [person()], KEYPOINTS)
    assert '1.jpg is not a readable image' in refused('cvat', 'custom')
    path.unlink()
    assert 'export it from CVAT as COCO Keypoints 1.0' in refused('cvat', 'custom')
    for each in (folder / 'images/default').iterdir():
        each.unlink()
    assert 'data/custom has no images' in refused('cvat', 'custom')


def test_an_archive_is_to_be_unpacked(refused: Callable, tmp_path: Path) -> None:
    (tmp_path / 'data').mkdir()
    (tmp_path / 'data/task.zip').touch()
    assert 'python -m zipfile -e data/task.zip DIR' in refused('cvat', 'task.zip')
    image(tmp_path / 'data/none/1.jpg')
    assert 'There is no folder data/nothing' in refused('cvat', 'nothing')


def test_a_split_of_an_earlier_export_is_not_left_beside_this_one(
    layout: Callable, convert: Callable, capsys: pytest.CaptureFixture
) -> None:
    layout('custom')
    before = convert('cvat', 'custom', '--val-every', '2')
    with pytest.raises(SystemExit):
        convert('cvat', 'custom', '--val-every', '0')
    error = capsys.readouterr().err
    assert 'val.json is of an earlier export' in error and 'delete it' in error
    assert convert('cvat', 'custom', '--val-every', '2') == before


def test_a_person_of_one_keypoint_has_no_size_and_is_left_out(
    layout: Callable, convert: Callable
) -> None:
    path = layout('custom') / 'annotations/person_keypoints_default.json'
    content = json.loads(path.read_text())
    content['annotations'][0] |= dict(
        keypoints=[*FLAT[:3], *[0] * 48], bbox=[*FLAT[:2], 0, 0]
    )
    path.write_text(json.dumps(content))
    (annotation,) = convert('cvat', 'custom', '--val-every', '0')['train']['annotations']
    assert annotation['image_id'] == 2
