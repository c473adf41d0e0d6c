"""HumanArtVLDataset on files in the real layout."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmpose.registry import DATASETS

from tests.conftest import ROOT
from vlpose_mm.datasets.scenarios import SCENARIOS

BASE = Config.fromfile(ROOT / 'configs/_base_/datasets/humanart_256x192.py')
NAME = 'HumanArt/images/2D_virtual_human/digital_art/000000001648.jpg'
DESCRIPTION = 'digital_art, a girl under a tree'
IMAGE = dict(file_name=NAME, height=80, width=60, id=7, category='digital art')
INSTANCE = dict(
    image_id=7,
    category_id=1,
    iscrowd=0,
    area=400.0,
    bbox=[5.0, 5.0, 20.0, 40.0],
    keypoints=[10.0, 10.0, 2] * 17,
    keypoints_21=[10.0, 10.0, 2] * 21,
    num_keypoints=17,
)
CONTENT = dict(
    images=[dict(IMAGE, description=DESCRIPTION)],
    annotations=[dict(INSTANCE, id=1), dict(INSTANCE, id=2)],
    categories=[dict(id=1, name='person')],
)
DETECTIONS = [
    dict(image_id=7, category_id=1, bbox=[4.0, 4.0, 22.0, 42.0], score=0.9),
    dict(image_id=7, category_id=1, bbox=[1.0, 1.0, 9.0, 9.0], score=0.1),
]


TYPES = ('VLDataset', 'Dataset')


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """One image with two instances and two detections."""
    (tmp_path / NAME).parent.mkdir(parents=True)
    cv2.imwrite(str(tmp_path / NAME), np.full((80, 60, 3), 99, np.uint8))
    (tmp_path / 'ann.json').write_text(json.dumps(CONTENT))
    (tmp_path / 'detections.json').write_text(json.dumps(DETECTIONS))
    return tmp_path


@pytest.fixture
def detected(data: Path) -> dict:
    """Arguments for detected bboxes."""
    return dict(bbox_file=str(data / 'detections.json'), test_mode=True)


@pytest.fixture(params=[False, True], ids=['true bboxes', 'detected bboxes'])
def bboxes(request: pytest.FixtureRequest, detected: dict) -> dict:
    """Arguments for ground-truth or detected bboxes."""
    return detected if request.param else {}


def build(root: Path, **kwargs) -> object:
    cfg = dict(type='HumanArtVLDataset', data_root=str(root), ann_file='ann.json')
    return DATASETS.build({**cfg, 'pipeline': BASE.val_pipeline, **kwargs})


def edit(path: Path, change: Callable) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_samples_have_the_annotations_of_their_image(data: Path, bboxes: dict) -> None:
    dataset = build(data, **bboxes)
    assert len(dataset) == 2
    info = dataset.get_data_info(0)
    assert info['category'] == 'digital art' and info['description'] == DESCRIPTION
    metainfo = dataset[0]['data_samples'].metainfo
    expected = SCENARIOS['digital_art'].text_prompt, 'digital_art', '2D_virtual_human'
    assert tuple(metainfo[k] for k in ('text_prompt', 'scenario', 'group')) == expected

    own = dict(text_prompt='a heroine', route='original', category=None, description='')
    edit(data / 'ann.json', lambda c: c['images'][0].update(own))
    dataset = build(data, **bboxes)
    metainfo = dataset[0]['data_samples'].metainfo
    expected = 'a heroine', 'text_prompt', 'original'
    assert tuple(metainfo[k] for k in ('text_prompt', 'text_source', 'route')) == expected
    assert not {'category', 'description'} & dataset.get_data_info(0).keys()


@pytest.mark.parametrize('kind', ['HumanArtVLDataset', 'CocoVLDataset', 'CocoDataset'])
def test_text_prompts_per_keypoint_pass_through_the_pipeline(
    data: Path, bboxes: dict, kind: str
) -> None:
    assign = dict(type='AssignTextPrompt', per_keypoint=True, use_description=True)
    pipeline = [*BASE.val_pipeline[:-2], assign, BASE.val_pipeline[-1]]
    sample = build(data, type=kind, pipeline=pipeline, **bboxes)[0]['data_samples']
    # CocoDataset drops the description.
    text = DESCRIPTION if 'VL' in kind else SCENARIOS['digital_art'].text_prompt
    assert len(sample.text_prompt) == 17
    assert sample.text_prompt[9] == f'the left wrist in {text}'


def test_detected_bboxes_are_xywh_or_xyxy(data: Path, detected: dict) -> None:
    for kwargs, bbox in ({}, [4, 4, 26, 46]), (dict(bbox_format='xyxy'), [4, 4, 22, 42]):
        info = build(data, **kwargs, **detected).get_data_info(0)
        assert info['bbox'].tolist() == [bbox]
    with pytest.raises(ValueError, match="bbox_format is 'xywh' or 'xyxy'"):
        build(data, bbox_format='cxcywh')


def test_names_of_other_systems_lead_to_the_image(data: Path) -> None:
    name = NAME.replace('/', '\\')
    edit(data / 'ann.json', lambda content: content['images'][0].update(file_name=name))
    dataset = build(data)
    assert Path(dataset[0]['data_samples'].img_path) == data / NAME


def test_names_missing_and_broken_files(data: Path, detected: dict) -> None:
    for kwargs in (dict(ann_file='no.json'), dict(detected, bbox_file=f'{data}/no.json')):
        with pytest.raises(FileNotFoundError, match='no.json does not exist'):
            build(data, **kwargs)
    detections = data / 'detections.json'
    edit(detections, lambda ds: ds[0].pop('score'))
    with pytest.raises(ValueError, match='detections.json: detection 0 .* has no score'):
        build(data, **detected)
    edit(detections, lambda ds: ds[0].update(score=1, image_id=99))
    with pytest.raises(
        ValueError, match='detections.json: .* image_id 99, .*ann.json, .*; so'
    ):
        build(data, **detected)
    text = (data / 'ann.json').read_text()
    (data / 'ann.json').write_text(text[: len(text) // 2])
    with pytest.raises(ValueError, match='ann.json is not a JSON file'):
        build(data)


def test_names_a_missing_or_broken_image(data: Path) -> None:
    dataset = build(data)
    for content in (b'', b'no image'):
        (data / NAME).write_bytes(content)
        with pytest.raises(Exception, match=Path(NAME).name):
            dataset[0]
    (data / NAME).unlink()
    with pytest.raises(Exception, match=Path(NAME).name):
        dataset[0]


@pytest.mark.parametrize('kind', ['HumanArt', 'Coco'])
@pytest.mark.parametrize('serialize', [False, True])
def test_everything_else_equals_mmposes_dataset(
    data: Path, bboxes: dict, serialize: bool, kind: str
) -> None:
    kwargs = dict(serialize_data=serialize, **bboxes)
    ours, theirs = (build(data, type=f'{kind}{t}', **kwargs) for t in TYPES)
    assert len(ours) == len(theirs) == 2
    np.testing.assert_equal(ours.metainfo, theirs.metainfo)
    for i in range(2):
        info = ours.get_data_info(i)
        assert (info.pop('category'), info.pop('description'))[0] == 'digital art'
        np.testing.assert_equal(info, theirs.get_data_info(i))
        if not bboxes:
            assert type(info['raw_ann_info']) is dict
            # Changing a sample does not change the dataset.
            info['raw_ann_info']['keypoints'][:] = []
            assert ours.get_data_info(i)['raw_ann_info']['keypoints']


def test_each_file_is_parsed_once_and_annotations_are_not_deep_copied(
    data: Path, detected: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed, loads = [], json.loads
    monkeypatch.setattr(json, 'loads', lambda *args: parsed.append(1) or loads(*args))
    dataset = build(data)
    assert len(parsed) == 1
    build(data, **detected)
    assert len(parsed) == 1 + 2
    image, instance = dict(IMAGE, img_path='1.jpg'), dict(INSTANCE, id=1)
    info = dataset.parse_data_info(dict(raw_ann_info=instance, raw_img_info=image))
    assert info['raw_ann_info'] == instance
    assert info['raw_ann_info']['keypoints'] is instance['keypoints']
