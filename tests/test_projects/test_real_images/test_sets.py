"""Which images of the real sets are measured, and by what."""

import json
from pathlib import Path

import pytest

from projects.real_images.sets import PAINTED, read_sets


def test_only_held_out_images_are_measured(root, tmp_path: Path) -> None:
    sets = {each.name: each for each in read_sets(root.path, tmp_path)}
    assert [*sets] == ['lspet', 'coco_subset', 'coco_painted', 'pose_depot']
    names = {k: [Path(i['file_name']).stem for i in s.images] for k, s in sets.items()}
    assert names['lspet'] == ['2', '3'] and names['coco_subset'] == ['0', '2']
    assert names['pose_depot'] == ['2', '3']
    written = json.loads(sets['coco_subset'].ann_file.read_text())
    assert len(written['images']) == 2 and len(written['annotations']) == 4


def test_ids_are_unique_over_all_sets_and_photos_have_no_scenario(root, tmp_path) -> None:
    sets = read_sets(root.path, tmp_path)
    images = [image for each in sets for image in each.images]
    assert len({image['id'] for image in images}) == len(images)
    scenarios = [image.get('category') for image in images]
    assert scenarios == [None] * 4 + ['neural_painting_wave', 'sketch', 'sketch']


def test_images_are_scored_by_what_their_records_name(root, tmp_path: Path) -> None:
    by_name = {each.name: each.subsets() for each in read_sets(root.path, tmp_path)}
    assert [*by_name['lspet']] == ['all']
    assert [*by_name['coco_subset']] == ['all', PAINTED]
    assert len(by_name['coco_subset'][PAINTED]) == 1
    assert [*by_name['pose_depot']] == ['all', 'theme 3', 'theme 6']


def test_people_without_keypoints_and_crowds_are_no_inputs(root, tmp_path: Path) -> None:
    def change(content: dict) -> None:
        content['annotations'][0].update(num_keypoints=0, keypoints=[0] * 51)
        content['annotations'][1].update(iscrowd=1)

    root.edit('coco_subset', change)
    (real_set,) = read_sets(root.path, tmp_path, ['coco_subset'])
    assert [len(each) for each in real_set.instances.values()] == [0, 2]
    # But what is predicted of them counts as neither right nor wrong.
    assert len(json.loads(real_set.ann_file.read_text())['annotations']) == 4


def test_a_limit_takes_images_from_all_over_a_set(root, tmp_path: Path) -> None:
    sets = read_sets(root.path, tmp_path, limit=1)
    assert [len(each.images) for each in sets] == [1, 1, 1, 1]


def test_folders_without_sets_are_refused(root, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match='has no mmpose_tests; it must have SET/'):
        read_sets(root.path, tmp_path, ['lspet', 'mmpose_tests'])
    with pytest.raises(FileNotFoundError, match='has no set; it must have SET/annotations'):
        read_sets(tmp_path / 'nowhere', tmp_path)
