"""Who finds people."""

import re
from pathlib import Path

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import DefaultScope

from vlpose_mm.apis import VLPoseInferencer, detectors
from vlpose_mm.apis.detectors import DETECTORS, build_detector, find_detector


@pytest.fixture
def weights(tmp_path: Path):
    """Random weights of a published detector, sure of whatever it sees, which is large."""

    def make(name: str) -> str:
        path = tmp_path / f'{name}.pth'
        path.touch()
        cfg = find_detector(name, path).cfg
        with DefaultScope.overwrite_default_scope('mmdet'):
            torch.manual_seed(0)
            model = MODELS.build(cfg.model)
        for key, value in model.state_dict().items():
            if re.search(r'(rtm|conv)_(cls|obj|reg).*bias', key):
                value.fill_(2.5)
        meta = dict(dataset_meta=dict(classes=['person']))
        torch.save(dict(state_dict=model.state_dict(), meta=meta), path)
        return str(path)

    return make


@pytest.mark.parametrize('name', ['rtmdet-nano', 'yolox-nano-humanart'])
def test_a_detector_finds_people_on_our_nms(name, weights, sketches) -> None:
    inferencer = VLPoseInferencer(
        'demo', device='cpu', det_model=name, det_weights=weights(name)
    )
    (result,) = inferencer(sketches[0], bbox_thr=0.0, nms_thr=0.1)
    assert len(result) > 1 and result.keypoints.shape[1:] == (17, 2)
    height, width = result.image.shape[:2]
    assert (result.boxes >= 0).all() and (result.boxes <= [width, height] * 2).all()
    assert len(next(inferencer(sketches[0], bbox_thr=1.0))) == 0


def test_every_published_detector_has_its_config_and_finds_people_alone(tmp_path) -> None:
    (tmp_path / 'w.pth').touch()
    for name, detector in DETECTORS.items():
        found = find_detector(name, tmp_path / 'w.pth')
        assert found.cfg.model.bbox_head.num_classes == 1 and found.cat_ids == (0,)
        assert detector.weights.startswith('https://') and detector.weights.endswith('.pth')


def test_its_categories_can_be_told(tmp_path) -> None:
    (tmp_path / 'w.pth').touch()
    assert find_detector('rtmdet-m', tmp_path / 'w.pth', 3).cat_ids == (3,)
    assert find_detector('rtmdet-m', tmp_path / 'w.pth', [0, 2]).cat_ids == (0, 2)


def test_what_cannot_be_found_is_named(tmp_path, monkeypatch) -> None:
    with pytest.raises(ValueError, match="Unknown detector 'rtmdet'; .*yolox-s-humanart"):
        find_detector('rtmdet')
    with pytest.raises(FileNotFoundError, match='There is no file mine.py'):
        find_detector('mine.py')
    with pytest.raises(FileNotFoundError, match='There is no file .*none.pth'):
        find_detector('rtmdet-m', str(tmp_path / 'none.pth'))
    (tmp_path / 'mine.py').write_text('model = dict()')
    with pytest.raises(ValueError, match='mine.py has no model; give the config of a det'):
        find_detector(tmp_path / 'mine.py')
    (tmp_path / 'mine.py').write_text('model = dict(')
    with pytest.raises(ValueError, match='mine.py cannot be read .SyntaxError'):
        find_detector(tmp_path / 'mine.py')
    (tmp_path / 'mine.py').write_text("model = dict(type='RTMDet')")
    with pytest.raises(ValueError, match='mine.py has no weights; give some'):
        find_detector(tmp_path / 'mine.py')
    monkeypatch.setattr(detectors, 'find_spec', lambda name: None)
    with pytest.raises(ValueError, match='needs MMDetection, which is not installed'):
        find_detector('rtmdet-m')


def test_a_detector_whose_operators_are_missing_is_refused_at_once(tmp_path) -> None:
    from mmengine.utils import get_installed_path

    folder = Path(get_installed_path('mmdet')) / '.mim/configs/solo'
    config = tmp_path / 'frcnn.py'
    base = folder.parent / 'faster_rcnn/faster-rcnn_r18_fpn_8xb8-amp-lsj-200e_coco.py'
    config.write_text(
        f"_base_ = '{base}'\n"
        'model = dict(backbone=dict(init_cfg=None), test_cfg=dict(rpn=dict(max_per_img=5)))'
    )
    with DefaultScope.overwrite_default_scope('mmdet'):
        state = MODELS.build(Config.fromfile(config).model).state_dict()
    torch.save(dict(state_dict=state, meta=dict(dataset_meta={})), tmp_path / 'w.pth')
    with pytest.raises(ValueError, match='does not run: .*roi_align.*mim install mmcv'):
        VLPoseInferencer(
            device='cpu', det_model=str(config), det_weights=str(tmp_path / 'w.pth')
        )


def test_weights_of_something_else_are_refused(weights, tmp_path) -> None:
    def built(name: str, path: object) -> None:
        build_detector(name, find_detector(name, path), 'cpu')

    path = tmp_path / 'w.pth'
    path.write_text('no checkpoint')
    with pytest.raises(ValueError, match='w.pth cannot be read as a checkpoint'):
        built('rtmdet-nano', path)
    with pytest.raises(ValueError, match='not of the detector yolox-tiny.*no name is'):
        torch.save(dict(state_dict={'a': torch.zeros(1)}, meta=dict(dataset_meta={})), path)
        built('yolox-tiny-humanart', path)
    with pytest.raises(ValueError, match='rtmdet-nano.pth is not of .*another shape'):
        built('rtmdet-m', weights('rtmdet-nano'))
    (tmp_path / 'mine.py').write_text("model = dict(type='VLPoseEstimator')")
    with pytest.raises(ValueError, match='mine.py does not run: .*VLPoseEstimator is not'):
        built(str(tmp_path / 'mine.py'), path)


def test_without_network_the_address_and_the_place_are_told(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))

    def unreachable(*args: object, **kwargs: object) -> None:
        raise OSError('Network is unreachable')

    monkeypatch.setattr('torch.hub.urlopen', unreachable)
    with pytest.raises(OSError, match='Cannot download .*yolox_s.*unreachable.*put it'):
        find_detector('yolox-s-humanart')
