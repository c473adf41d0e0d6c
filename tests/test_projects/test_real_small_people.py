"""The data that the detector of real-small is trained with, from sets of a few images."""

import json
import sys
from pathlib import Path

import pytest

from projects.real_small import people
from projects.real_small.prepare import ART, PHOTOS

SIDES = dict(width=100, height=60)
BBOX = [10, 10, 20, 40]
# Records of the images of each set: the first is for training, the second for testing.
IMAGES = dict(
    lspet=[dict(id=1), dict(id=9001)],
    coco_subset=[dict(id=1, split='train2017'), dict(id=2, split='val2017')],
    coco_painted=[
        dict(id=1, style='scream', split='train2017'),
        dict(id=2, style='wave', split='val2017'),
    ],
    pose_depot=[dict(id=1, pose='4M_Rawr_1'), dict(id=2, pose='3F_Fighting_Pose')],
    spine_cartoon=[
        dict(id=1, character='mix-and-match'),
        dict(id=2, character='spineboy'),
    ],
)


def instance(image_id: int, bbox: list[float] = BBOX) -> dict:
    """An annotation in COCO's format."""
    ids = dict(id=image_id, image_id=image_id, category_id=1, iscrowd=0)
    return dict(**ids, bbox=bbox, area=bbox[2] * bbox[3], keypoints=[0] * 51)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Real sets of a few images in ``data/real``, below the current folder."""
    monkeypatch.chdir(tmp_path)
    for name in (*PHOTOS, *ART):
        images = [
            dict(each, **SIDES, category='group/set', file_name=f'{name}/{each["id"]}.png')
            for each in IMAGES[name]
        ]
        instances = [instance(each['id']) for each in images]
        content = dict(images=images, annotations=instances, categories=[])
        (tmp_path / 'data/real' / name).mkdir(parents=True)
        path = tmp_path / 'data/real' / name / 'annotations.json'
        path.write_text(json.dumps(content))
    (tmp_path / 'data/real_small/annotations').mkdir(parents=True)
    # x1, y1, x2, y2 and score: the annotated person, another one and a doubtful one.
    rows = [[12, 10, 30, 50, 0.9], [60, 10, 90, 50, 0.8], [40, 10, 50, 30, 0.1]]
    found = {'lspet/1.png': rows, 'coco_subset/1.png': []}
    (tmp_path / 'data/real_small/centernet.json').write_text(json.dumps(found))
    return tmp_path / 'data'


def run(monkeypatch: pytest.MonkeyPatch, folder: Path) -> tuple[dict, dict]:
    """Run the command; return what is trained and tested with."""
    monkeypatch.setattr(sys, 'argv', ['people', '--photos', '4', '--paintings', '4'])
    people.main()
    annotations = folder / 'real_small/annotations'
    train, test = annotations / 'people_train.json', annotations / 'people_test.json'
    return json.loads(train.read_text()), json.loads(test.read_text())


def test_nothing_held_out_is_trained_on_and_paintings_are(data, monkeypatch) -> None:
    train, test = run(monkeypatch, data)
    names = {image['file_name'] for image in train['images']}
    photos = {f'real/{name}/1.png' for name in (*PHOTOS, *ART)}
    assert photos < names and len(names) == len(photos) + 1
    assert (names - photos).pop().startswith('real_small/paintings/1_')
    # On LSPET not all people are annotated.
    tested = {image['file_name'] for image in test['images']}
    assert tested == {f'real/{name}/2.png' for name in ('coco_subset', *ART)}
    assert [each['name'] for each in train['categories']] == ['person']
    ids = [each['id'] for each in train['annotations']]
    assert len(set(ids)) == len(ids)


def test_people_without_annotation_are_added_to_photos_and_their_paintings(
    data, monkeypatch
) -> None:
    train, _ = run(monkeypatch, data)
    bboxes = {image['file_name']: [] for image in train['images']}
    names = {image['id']: image['file_name'] for image in train['images']}
    for each in train['annotations']:
        bboxes[names[each['image_id']]].append(each['bbox'])
    assert bboxes['real/lspet/1.png'] == [BBOX, [60, 10, 30, 40]]
    (painting,) = {name for name in bboxes if 'paintings' in name}
    assert len(bboxes[painting]) == 2
    assert bboxes['real/coco_subset/1.png'] == [BBOX] * people.TIMES['coco_subset']


def test_images_where_not_all_people_are_annotated_are_not_tested_with(
    data, monkeypatch
) -> None:
    path = data / 'real/coco_subset/annotations.json'
    content = json.loads(path.read_text())
    content['annotations'][1]['area_is_estimate'] = 1
    path.write_text(json.dumps(content))
    _, test = run(monkeypatch, data)
    assert not any('coco_subset' in image['file_name'] for image in test['images'])
