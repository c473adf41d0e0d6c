"""python -m vlpose_mm.tools.dataset_converters.coco_ood"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.test_tools.test_dataset_converters.layouts import BBOX, POINTS, image


def test_cocos_people_are_scaled_to_the_painting_and_ids_stay(
    layout: Callable, convert: Callable
) -> None:
    layout('coco_ood')
    test = convert('coco_ood', 'coco_ood')['test']
    (record,), (annotation,) = test['images'], test['annotations']
    assert (record['id'], annotation['image_id']) == (139, 139)
    assert record['file_name'] == 'images/000000000139_fake_B.png'
    assert (record['width'], record['height']) == (50, 70)
    assert record['category'] == 'oil painting'
    points = np.reshape(annotation['keypoints'], (17, 3))
    assert np.allclose(points[:, :2], POINTS / 2)
    assert annotation['bbox'] == [each / 2 for each in BBOX]
    assert annotation['area'] == 1000 / 4


def test_the_annotations_may_be_those_of_coco_elsewhere(
    layout: Callable, convert: Callable, refused: Callable, tmp_path: Path
) -> None:
    path = layout('coco_ood') / 'annotations/person_keypoints_val2017.json'
    path = path.rename(tmp_path / 'val.json')
    assert 'There is no person_keypoints_val2017.json below' in refused(
        'coco_ood', 'coco_ood'
    )
    assert len(convert('coco_ood', 'coco_ood', '--annotations', 'val.json')['test']) == 3


def test_a_painting_that_was_cropped_or_is_missing_is_refused(
    layout: Callable, refused: Callable
) -> None:
    path = layout('coco_ood') / 'images/000000000139_fake_B.png'
    image(path, (64, 64))
    assert 'has 64 x 64 pixels, but its annotations are for 100 x 140' in refused(
        'coco_ood', 'coco_ood'
    )
    path.rename(path.with_name('000000000140.png'))
    assert 'has no image 000000000139.jpg' in refused('coco_ood', 'coco_ood')


def test_two_images_of_a_photo_are_refused(layout: Callable, refused: Callable) -> None:
    painting = layout('coco_ood') / 'images/000000000139_fake_B.png'
    image(painting.with_name('000000000139_real_A.png'))
    assert 'are both of photo 000000000139; keep' in refused('coco_ood', 'coco_ood')
