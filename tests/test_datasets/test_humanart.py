"""HumanArtVLDataset on files in the real layout."""

import json
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


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """One image, two people, two detections."""
    name = 'HumanArt/images/2D_virtual_human/digital_art/000000001648.jpg'
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    cv2.imwrite(str(path), np.full((80, 60, 3), 99, np.uint8))
    image = dict(file_name=name, height=80, width=60, id=7, category='digital art')
    image['description'] = 'digital_art, a girl under a tree'
    person = dict(
        image_id=7,
        category_id=1,
        iscrowd=0,
        area=400.0,
        bbox=[5.0, 5.0, 20.0, 40.0],
        keypoints=[10.0, 10.0, 2] * 17,
        keypoints_21=[10.0, 10.0, 2] * 21,
        num_keypoints=17,
    )
    annotations = [dict(person, id=1), dict(person, id=2)]
    categories = [dict(id=1, name='person')]
    whole = dict(images=[image], annotations=annotations, categories=categories)
    (tmp_path / 'ann.json').write_text(json.dumps(whole))
    boxes = [
        dict(image_id=7, category_id=1, bbox=[4.0, 4.0, 22.0, 42.0], score=0.9),
        dict(image_id=7, category_id=1, bbox=[1.0, 1.0, 9.0, 9.0], score=0.1),
    ]
    (tmp_path / 'boxes.json').write_text(json.dumps(boxes))
    return tmp_path


def build(root: Path, **kwargs) -> object:
    cfg = dict(type='HumanArtVLDataset', data_root=str(root), ann_file='ann.json')
    return DATASETS.build({**cfg, 'pipeline': PIPELINE, **kwargs})


@pytest.mark.parametrize('detected', [False, True])
def test_samples_carry_the_words_to_the_model(data: Path, detected: bool) -> None:
    boxes = dict(bbox_file=str(data / 'boxes.json'), test_mode=True) if detected else {}
    dataset = build(data, **boxes)
    assert len(dataset) == 2
    info = dataset.get_data_info(0)
    assert info['category'] == 'digital art'
    assert info['description'] == 'digital_art, a girl under a tree'
    metainfo = dataset[0]['data_samples'].metainfo
    assert metainfo['text_prompt'] == SCENARIOS['digital_art'].text_prompt
    assert metainfo['scenario'] == 'digital_art'
    assert metainfo['group'] == '2D_virtual_human'


@pytest.mark.parametrize('detected', [False, True])
def test_a_record_may_bring_a_text_prompt_and_a_route_of_its_own(
    data: Path, detected: bool
) -> None:
    whole = json.loads((data / 'ann.json').read_text())
    whole['images'][0].update(text_prompt='a heroine', route='original')
    (data / 'ann.json').write_text(json.dumps(whole))
    boxes = dict(bbox_file=str(data / 'boxes.json'), test_mode=True) if detected else {}
    metainfo = build(data, **boxes)[0]['data_samples'].metainfo
    assert metainfo['text_prompt'] == 'a heroine'
    assert metainfo['text_source'] == 'text_prompt' and metainfo['route'] == 'original'


@pytest.mark.parametrize('kind', ['HumanArtVLDataset', 'CocoDataset'])
@pytest.mark.parametrize('detected', [False, True])
def test_prompts_per_keypoint_go_through_the_pipeline(
    data: Path, detected: bool, kind: str
) -> None:
    boxes = dict(bbox_file=str(data / 'boxes.json'), test_mode=True) if detected else {}
    prompt = dict(type='AssignTextPrompt', per_keypoint=True, use_description=True)
    steps = [*PIPELINE[:-2], prompt, PIPELINE[-1]]
    sample = build(data, type=kind, pipeline=steps, **boxes)[0]['data_samples']
    # CocoDataset does not keep the description.
    words = 'digital_art, a girl under a tree'
    words = words if 'VL' in kind else SCENARIOS['digital_art'].text_prompt
    assert len(sample.text_prompt) == 17
    assert sample.text_prompt[9] == f'the left wrist in {words}'


def test_detected_boxes_are_read_as_sizes_or_as_corners(data: Path) -> None:
    kwargs = dict(bbox_file=str(data / 'boxes.json'), test_mode=True)
    sizes = build(data, **kwargs).get_data_info(0)['bbox']
    corners = build(data, bbox_format='xyxy', **kwargs).get_data_info(0)['bbox']
    assert sizes.tolist() == [[4, 4, 26, 46]]
    assert corners.tolist() == [[4, 4, 22, 42]]
    with pytest.raises(ValueError, match="bbox_format is 'xywh' or 'xyxy'"):
        build(data, bbox_format='cxcywh')


def test_images_without_words_have_none(data: Path) -> None:
    whole = json.loads((data / 'ann.json').read_text())
    del whole['images'][0]['category'], whole['images'][0]['description']
    (data / 'ann.json').write_text(json.dumps(whole))
    info = build(data).get_data_info(0)
    assert 'category' not in info and 'description' not in info


def test_a_missing_file_is_named(data: Path) -> None:
    with pytest.raises(FileNotFoundError, match='nowhere.json does not exist'):
        build(data, ann_file='nowhere.json')
    with pytest.raises(FileNotFoundError, match='no-boxes.json does not exist'):
        build(data, bbox_file=str(data / 'no-boxes.json'), test_mode=True)


def test_a_broken_file_is_named(data: Path) -> None:
    text = (data / 'ann.json').read_text()
    (data / 'ann.json').write_text(text[: len(text) // 2])
    with pytest.raises(ValueError, match='ann.json is no whole file of its kind'):
        build(data)
    (data / 'ann.json').write_text(text)
    boxes = json.loads((data / 'boxes.json').read_text())
    boxes[0]['image_id'] = 99
    (data / 'boxes.json').write_text(json.dumps(boxes))
    with pytest.raises(ValueError, match='boxes.json is no whole file.*image 99 is not in'):
        build(data, bbox_file=str(data / 'boxes.json'), test_mode=True)


def test_a_detection_without_a_field_is_told_from_one_of_another_image(
    data: Path,
) -> None:
    boxes = json.loads((data / 'boxes.json').read_text())
    del boxes[0]['score']
    (data / 'boxes.json').write_text(json.dumps(boxes))
    with pytest.raises(ValueError, match=r"boxes.json is no whole file.*KeyError: 'score'"):
        build(data, bbox_file=str(data / 'boxes.json'), test_mode=True)


@pytest.mark.parametrize('content', [None, b'', b'no image'])
def test_a_missing_or_unreadable_image_is_named(data: Path, content: bytes | None) -> None:
    image = next((data / 'HumanArt').rglob('*.jpg'))
    image.unlink()
    if content is not None:
        image.write_bytes(content)
    with pytest.raises(Exception, match=image.name):
        build(data)[0]


@pytest.mark.parametrize('detected', [False, True])
@pytest.mark.parametrize('serialize', [False, True])
def test_all_but_the_words_is_what_mmpose_reads(
    data: Path, detected: bool, serialize: bool
) -> None:
    boxes = dict(bbox_file=str(data / 'boxes.json'), test_mode=True) if detected else {}
    kwargs = dict(serialize_data=serialize, **boxes)
    ours = build(data, **kwargs)
    stock = build(data, type='HumanArtDataset', **kwargs)
    assert len(ours) == len(stock) == 2
    for i in range(2):
        info = ours.get_data_info(i)
        words = {key: info.pop(key) for key in ('category', 'description')}
        assert words['category'] == 'digital art'
        np.testing.assert_equal(info, stock.get_data_info(i))
        assert detected or type(info['raw_ann_info']) is dict


def test_a_sample_may_be_changed_without_the_next_one_knowing(data: Path) -> None:
    dataset = build(data, serialize_data=False)
    before = dataset.get_data_info(0)
    dataset.get_data_info(0)['raw_ann_info']['keypoints'][:] = []
    np.testing.assert_equal(dataset.get_data_info(0), before)


def test_each_file_is_parsed_once(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = []
    load = json.load
    monkeypatch.setattr(json, 'load', lambda *args: parsed.append(1) or load(*args))
    build(data)
    assert len(parsed) == 1
    build(data, bbox_file=str(data / 'boxes.json'), test_mode=True)
    assert len(parsed) == 1 + 2


def test_an_annotation_is_not_copied_number_by_number(data: Path) -> None:
    whole = json.loads((data / 'ann.json').read_text())
    image, person = whole['images'][0], whole['annotations'][0]
    raw = dict(raw_ann_info=person, raw_img_info=dict(image, img_path='1.jpg'))
    info = build(data, lazy_init=True).parse_data_info(raw)
    assert info['raw_ann_info'] == person
    assert info['raw_ann_info']['keypoints'] is person['keypoints']
