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

PIPELINE = Config.fromfile(
    ROOT / 'configs/_base_/datasets/humanart_256x192.py'
).val_pipeline
DESCRIPTION = 'digital_art, a girl under a tree'


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """One image with two instances and two detections."""
    name = 'HumanArt/images/2D_virtual_human/digital_art/000000001648.jpg'
    (tmp_path / name).parent.mkdir(parents=True)
    cv2.imwrite(str(tmp_path / name), np.full((80, 60, 3), 99, np.uint8))
    image = dict(file_name=name, height=80, width=60, id=7, category='digital art')
    image['description'] = DESCRIPTION
    instance = dict(
        image_id=7,
        category_id=1,
        iscrowd=0,
        area=400.0,
        bbox=[5.0, 5.0, 20.0, 40.0],
        keypoints=[10.0, 10.0, 2] * 17,
        keypoints_21=[10.0, 10.0, 2] * 21,
        num_keypoints=17,
    )
    content = dict(
        images=[image],
        annotations=[dict(instance, id=1), dict(instance, id=2)],
        categories=[dict(id=1, name='person')],
    )
    (tmp_path / 'ann.json').write_text(json.dumps(content))
    detections = [
        dict(image_id=7, category_id=1, bbox=[4.0, 4.0, 22.0, 42.0], score=0.9),
        dict(image_id=7, category_id=1, bbox=[1.0, 1.0, 9.0, 9.0], score=0.1),
    ]
    (tmp_path / 'detections.json').write_text(json.dumps(detections))
    return tmp_path


@pytest.fixture(params=[False, True], ids=['true bboxes', 'detected bboxes'])
def bboxes(request: pytest.FixtureRequest, data: Path) -> dict:
    """Arguments for ground-truth or detected bboxes."""
    return detected(data) if request.param else {}


def detected(data: Path) -> dict:
    return dict(bbox_file=str(data / 'detections.json'), test_mode=True)


def build(root: Path, **kwargs) -> object:
    cfg = dict(type='HumanArtVLDataset', data_root=str(root), ann_file='ann.json')
    return DATASETS.build({**cfg, 'pipeline': PIPELINE, **kwargs})


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
    assert metainfo['text_prompt'] == SCENARIOS['digital_art'].text_prompt
    assert metainfo['scenario'] == 'digital_art'
    assert metainfo['group'] == '2D_virtual_human'

    own = dict(text_prompt='a heroine', route='original')
    edit(data / 'ann.json', lambda c: c['images'][0].update(own))
    metainfo = build(data, **bboxes)[0]['data_samples'].metainfo
    assert metainfo['text_prompt'] == 'a heroine'
    assert metainfo['text_source'] == 'text_prompt' and metainfo['route'] == 'original'

    def remove(content: dict) -> None:
        del content['images'][0]['category'], content['images'][0]['description']

    edit(data / 'ann.json', remove)
    info = build(data, **bboxes).get_data_info(0)
    assert 'category' not in info and 'description' not in info


@pytest.mark.parametrize('kind', ['HumanArtVLDataset', 'CocoDataset'])
def test_text_prompts_per_keypoint_pass_through_the_pipeline(
    data: Path, bboxes: dict, kind: str
) -> None:
    assign = dict(type='AssignTextPrompt', per_keypoint=True, use_description=True)
    pipeline = [*PIPELINE[:-2], assign, PIPELINE[-1]]
    sample = build(data, type=kind, pipeline=pipeline, **bboxes)[0]['data_samples']
    # CocoDataset drops the description.
    text = DESCRIPTION if 'VL' in kind else SCENARIOS['digital_art'].text_prompt
    assert len(sample.text_prompt) == 17
    assert sample.text_prompt[9] == f'the left wrist in {text}'


def test_detected_bboxes_are_xywh_or_xyxy(data: Path) -> None:
    xywh = build(data, **detected(data)).get_data_info(0)['bbox']
    xyxy = build(data, bbox_format='xyxy', **detected(data)).get_data_info(0)['bbox']
    assert xywh.tolist() == [[4, 4, 26, 46]]
    assert xyxy.tolist() == [[4, 4, 22, 42]]
    with pytest.raises(ValueError, match="bbox_format is 'xywh' or 'xyxy'"):
        build(data, bbox_format='cxcywh')


def test_names_missing_and_broken_files(data: Path) -> None:
    with pytest.raises(FileNotFoundError, match='nowhere.json does not exist'):
        build(data, ann_file='nowhere.json')
    missing = dict(bbox_file=str(data / 'no-bboxes.json'), test_mode=True)
    with pytest.raises(FileNotFoundError, match='no-bboxes.json does not exist'):
        build(data, **missing)
    detections = data / 'detections.json'
    edit(detections, lambda ds: ds[0].pop('score'))
    with pytest.raises(ValueError, match=r"detections.json is broken.*KeyError: 'score'"):
        build(data, **detected(data))
    edit(detections, lambda ds: ds[0].update(score=1, image_id=99))
    with pytest.raises(ValueError, match='detections.json is broken.*image 99 is not in'):
        build(data, **detected(data))
    text = (data / 'ann.json').read_text()
    (data / 'ann.json').write_text(text[: len(text) // 2])
    with pytest.raises(ValueError, match='ann.json is broken'):
        build(data)


@pytest.mark.parametrize('content', [None, b'', b'no image'])
def test_names_a_missing_or_broken_image(data: Path, content: bytes | None) -> None:
    image = next((data / 'HumanArt').rglob('*.jpg'))
    image.unlink()
    if content is not None:
        image.write_bytes(content)
    with pytest.raises(Exception, match=image.name):
        build(data)[0]


@pytest.mark.parametrize('serialize', [False, True])
def test_everything_else_equals_mmposes_dataset(
    data: Path, bboxes: dict, serialize: bool
) -> None:
    kwargs = dict(serialize_data=serialize, **bboxes)
    ours, theirs = build(data, **kwargs), build(data, type='HumanArtDataset', **kwargs)
    assert len(ours) == len(theirs) == 2
    for i in range(2):
        info = ours.get_data_info(i)
        assert (info.pop('category'), info.pop('description'))[0] == 'digital art'
        np.testing.assert_equal(info, theirs.get_data_info(i))
        assert bboxes or type(info['raw_ann_info']) is dict


def test_changing_a_sample_does_not_change_the_dataset(data: Path) -> None:
    dataset = build(data, serialize_data=False)
    before = dataset.get_data_info(0)
    dataset.get_data_info(0)['raw_ann_info']['keypoints'][:] = []
    np.testing.assert_equal(dataset.get_data_info(0), before)


def test_each_file_is_parsed_once_and_annotations_are_not_deep_copied(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = json.loads((data / 'ann.json').read_text())
    parsed = []
    load = json.load
    monkeypatch.setattr(json, 'load', lambda *args: parsed.append(1) or load(*args))
    dataset = build(data)
    assert len(parsed) == 1
    build(data, **detected(data))
    assert len(parsed) == 1 + 2
    instance = content['annotations'][0]
    image = dict(content['images'][0], img_path='1.jpg')
    info = dataset.parse_data_info(dict(raw_ann_info=instance, raw_img_info=image))
    assert info['raw_ann_info'] == instance
    assert info['raw_ann_info']['keypoints'] is instance['keypoints']
