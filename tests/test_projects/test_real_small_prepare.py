"""The data that real-small is tuned with, from real sets of a few images."""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS
from onnx import TensorProto, helper

from projects.real_small import prepare
from projects.real_small.paint import (
    COCO_SCALES,
    STYLES,
    TRAINED_STYLES,
    choose_all,
    choose_photos,
)

CONFIGS = Path(prepare.__file__).parent / 'configs'
SIDES = dict(width=41, height=62)
KEYPOINTS = [[5, 10, 0]] * 5 + [[10 + i, 20 + 2 * i, 2] for i in range(12)]
# Records of the images of each set, for training and for testing.
IMAGES = dict(
    lspet=[dict(id=i, category='real_human/lspet') for i in (1, 2, 3, 9001, 9002)],
    coco_subset=[
        dict(id=1, category='real_human/coco', split='train2017'),
        dict(id=2, category='real_human/coco', split='val2017'),
    ],
    coco_painted=[
        dict(id=1, category='2D_virtual_human/neural_painting_wave', split='train2017'),
        dict(id=2, category='2D_virtual_human/neural_painting_scream', split='train2017'),
        dict(id=3, category='2D_virtual_human/neural_painting_wave', split='val2017'),
    ],
    pose_depot=[
        dict(id=1, category='2D_virtual_human/sketch', pose='4M_Rawr_1'),
        dict(id=2, category='3D_virtual_human/depth_render', pose='3F_Fighting_Pose'),
    ],
    spine_cartoon=[
        dict(id=1, category='2D_virtual_human/game_cartoon', character='mix-and-match'),
        dict(id=2, category='2D_virtual_human/game_cartoon', character='spineboy'),
    ],
)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Real sets of a few images in ``data/real``, below the current folder."""
    monkeypatch.chdir(tmp_path)
    root, out = Path('data/real'), Path('data/real_small/annotations')
    out.mkdir(parents=True)
    for name, images in IMAGES.items():
        (root / name).mkdir(parents=True)
        content = dict(images=[], annotations=[], categories=[dict(id=1, name='person')])
        for image in images:
            record = {**image, **SIDES, 'file_name': f'{name}/{name[0]}{image["id"]}.png'}
            if name == 'coco_painted':
                record['style'] = image['category'].rpartition('painting_')[2]
            content['images'].append(record)
            content['annotations'].append(
                dict(
                    id=image['id'],
                    image_id=image['id'],
                    category_id=1,
                    bbox=[8, 18, 20, 30],
                    area=600,
                    keypoints=np.ravel(KEYPOINTS).tolist(),
                    num_keypoints=12,
                    iscrowd=0,
                )
            )
            pixels = np.full((62, 41, 3), image['id'] % 256, np.uint8)
            cv2.imwrite(str(root / record['file_name']), pixels)
        (root / name / 'annotations.json').write_text(json.dumps(content))
        if name in prepare.PHOTOS:
            train = [each for each in content['images'] if prepare.is_train(name, each)]
            short = name.removesuffix('_subset')
            train = prepare.pick(content, train)
            for image in train['images']:
                del image['category']  # as projects.real_small.label writes it
            (out / f'{short}_train.json').write_text(json.dumps(train))
    (root / 'style_nets').mkdir()
    for style in STYLES:
        write_style_net(root / f'style_nets/{style}.onnx')
    return tmp_path


def write_style_net(path: Path) -> None:
    """Write a network that adds 100 to an image."""
    x, y = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 'H', 'W'])
        for name in 'xy'
    )
    added = helper.make_tensor('added', TensorProto.FLOAT, [], [100.0])
    graph = helper.make_graph(
        [helper.make_node('Add', ['x', 'added'], ['y'])], 'style', [x], [y], [added]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)])
    model.ir_version = 8
    onnx.save(model, str(path))


def run_prepare(monkeypatch: pytest.MonkeyPatch, *args: str) -> None:
    monkeypatch.setattr(sys, 'argv', ['prepare', *args])
    prepare.main()


def read(name: str) -> dict:
    return json.loads(Path(f'data/real_small/annotations/{name}.json').read_text())


def test_writes_what_is_trained_and_what_is_tested_and_each_image_is_there(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_prepare(monkeypatch, '--paint', '2', '--paint-test', '1')
    sizes = {
        name: len(read(name)['images'])
        for name in (
            'lspet_painted_train',
            'coco_painted_train',
            'pose_depot_train',
            'spine_cartoon_train',
            'classifier_train',
            'test',
        )
    }
    assert sizes == dict(
        lspet_painted_train=2,
        # Every photo in every style and size.
        coco_painted_train=6,
        pose_depot_train=1,
        spine_cartoon_train=1,
        # Three kinds with an image, and one painting and one photo of LSPET, one of COCO;
        # cut out and whole.
        classifier_train=12,
        # A painting and a photo of LSPET, and one of every other set.
        test=6,
    )
    test, train = read('test'), read('classifier_train')
    for each in (test, train):
        ids = [image['id'] for image in each['images']]
        assert len({*ids}) == len(ids)
        assert {a['image_id'] for a in each['annotations']} == {*ids}
        for image in each['images']:
            assert (data / 'data' / image['file_name']).exists()
            assert ('category' in image) == (image['set'] not in prepare.PHOTOS)
    names = [{image['file_name'] for image in each['images']} for each in (test, train)]
    assert not names[0] & names[1]
    for instance in read('whole_test')['annotations']:
        image = next(i for i in test['images'] if i['id'] == instance['image_id'])
        assert instance['bbox'] == [0, 0, image['width'], image['height']]


def test_keypoints_of_paintings_are_where_those_of_the_enlarged_photos_are(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_prepare(monkeypatch, '--paint', '0', '--paint-test', '0')
    photos = json.loads(Path('data/real/lspet/annotations.json').read_text())
    painted = prepare.paint_annotations(photos, [(photos['images'][0], 'scream', 1.5)])
    (image,), (instance,) = painted['images'], painted['annotations']
    # 41 x 62 becomes 62 x 93 and is cut to multiples of 4.
    assert (image['width'], image['height']) == (60, 92)
    scale = np.array([62 / 41, 1.5])
    keypoints = np.reshape(instance['keypoints'], (-1, 3))
    np.testing.assert_allclose(keypoints[:, :2], np.array(KEYPOINTS)[:, :2] * scale)
    assert (keypoints[:, 2] == np.array(KEYPOINTS)[:, 2]).all()
    np.testing.assert_allclose(instance['bbox'], [8, 18, 20, 30] * np.tile(scale, 2))


def test_paints_with_the_network_of_the_style_and_goes_on_where_it_stopped(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_prepare(monkeypatch, '--paint', '1', '--paint-test', '0')
    folder = Path('data/real_small/paintings')
    before = len([*folder.iterdir()])
    assert before == 1 + len(TRAINED_STYLES) * len(COCO_SCALES)
    first = next(folder.iterdir())
    photo_id = int(first.stem.split('_')[0][1:])
    assert abs(cv2.imread(str(first)).mean() - (photo_id + 100)) < 2
    first.write_bytes(b'kept')
    run_prepare(monkeypatch, '--paint', '3', '--paint-test', '0')
    assert len([*first.parent.iterdir()]) == 2 + before
    assert first.read_bytes() == b'kept'


def test_no_painting_of_the_training_has_a_held_out_style() -> None:
    images = [dict(id=i) for i in range(8990, 9020)]
    chosen = choose_photos(images, 8, 8)
    train = {style for image, style, _ in chosen if image['id'] <= 9000}
    test = {style for image, style, _ in chosen if image['id'] > 9000}
    assert train == {'la_muse', 'rain_princess', 'scream'}
    assert test == {*STYLES}


def test_the_classifier_sees_every_style_of_the_paintings() -> None:
    photos = [dict(id=i, split='train2017') for i in range(1, 34)]
    lspet = choose_photos(photos, 33, 0)[:: prepare.CLASSIFIER_EVERY['lspet_painted']]
    coco = choose_all(photos)[:: prepare.CLASSIFIER_EVERY['coco_painted']]
    assert {style for _, style, _ in lspet} == {*TRAINED_STYLES}
    assert {(style, scale) for _, style, scale in coco} == {
        (style, scale) for style in TRAINED_STYLES for scale in COCO_SCALES
    }


def test_says_which_command_comes_before(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path('data/real_small/annotations/lspet_train.json').unlink()
    with pytest.raises(FileNotFoundError, match='lspet_train.json.*README'):
        run_prepare(monkeypatch)


def test_every_kind_is_trained_with_its_text_prompt(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_prepare(monkeypatch, '--paint', '2', '--paint-test', '1')
    cfg = Config.fromfile(str(CONFIGS / 'vlpose_real_small_joint.py'))
    init_default_scope('mmpose')
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    prompts = {dataset[i]['data_samples'].text_prompt for i in range(len(dataset))}
    assert {
        'a photo of a person',
        'a sketch of a person',
        'a cartoon character of a video game',
        'an expressionist painting of a person',
    } <= prompts
    tested = DATASETS.build(cfg.val_dataloader.dataset)
    assert 'a ukiyo-e painting of a person' in {
        tested[i]['data_samples'].text_prompt for i in range(len(tested))
    }
