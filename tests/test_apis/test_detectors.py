"""Find and build detectors."""

from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import DefaultScope

from tests.test_apis.detector_weights import write_weights
from vlpose_mm.apis import VLPoseInferencer
from vlpose_mm.apis.detectors import build_detector, detect, find_detector
from vlpose_mm.apis.model_zoo import demo_images
from vlpose_mm.datasets.image_io import read_image
from vlpose_mm.names import DETECTORS, FCOS_REAL_SMALL, PACKAGED_DETECTORS


def test_a_detector_runs_on_our_nms(tmp_path, image) -> None:
    found = find_detector(
        'yolox-nano-humanart', write_weights(tmp_path, 'yolox-nano-humanart')
    )
    detector = build_detector(found, 'cpu')
    bboxes = detect(detector, found.cat_ids, image, bbox_thr=0.0, nms_thr=0.1)
    assert len(bboxes) > 1 and bboxes.shape[1] == 5
    assert len(detect(detector, (3,), image, 0.0, 0.1)) == 0
    assert len(detect(detector, found.cat_ids, image, 1.0, 0.1)) == 0


@pytest.fixture
def packaged(tmp_path, monkeypatch) -> tuple[Path, Path]:
    """Random weights of the detector in the package: the base's, and its own."""
    base, own = tmp_path / 'base.pth', tmp_path / 'own.pth'
    entry = PACKAGED_DETECTORS[FCOS_REAL_SMALL]
    entry = entry._replace(weights=str(own), backbone_weights=str(base))
    monkeypatch.setitem(PACKAGED_DETECTORS, FCOS_REAL_SMALL, entry)
    own.touch()
    with DefaultScope.overwrite_default_scope('mmdet'):
        state = MODELS.build(find_detector(FCOS_REAL_SMALL).cfg.model).state_dict()
    state['bbox_head.conv_cls.bias'].zero_()
    for path, is_base in ((base, True), (own, False)):
        part = {
            k: v.half() for k, v in state.items() if k.startswith('backbone.') == is_base
        }
        meta = dict(dataset_meta=dict(classes=['person']))
        torch.save(dict(state_dict=part, meta=meta), path)
    return base, own


def test_the_detector_in_the_package_has_the_backbone_of_the_base(
    packaged, image, capfd
) -> None:
    found = find_detector(FCOS_REAL_SMALL)
    detector = build_detector(found, 'cpu')
    assert 'missing keys' not in ''.join(capfd.readouterr())
    loaded = detector.model.state_dict()
    for path in packaged:
        for name, tensor in torch.load(path)['state_dict'].items():
            assert torch.equal(loaded.pop(name).half(), tensor), name
    assert not loaded
    assert len(detect(detector, found.cat_ids, image, bbox_thr=0.0, nms_thr=0.5))


def test_the_detector_in_the_package_finds_a_figure() -> None:
    found = find_detector(FCOS_REAL_SMALL)
    drawing = read_image(str(demo_images() / 'photo/photo.jpg'))
    h, w = drawing.shape[:2]
    args = build_detector(found, 'cpu'), found.cat_ids, drawing
    x1, y1, x2, y2, _ = detect(*args, bbox_thr=0.2, nms_thr=0.3)[0]
    assert (x2 - x1) * (y2 - y1) > 0.6 * h * w


def test_any_model_takes_the_detector_in_the_package(packaged, image) -> None:
    inferencer = VLPoseInferencer('mini-drawn', device='cpu', det_model=FCOS_REAL_SMALL)
    assert inferencer.det_name == FCOS_REAL_SMALL
    assert len(inferencer.detect(image, bbox_thr=0.0)) > 1


def test_the_model_of_real_images_takes_the_detector_in_the_package(packaged) -> None:
    assert VLPoseInferencer('real-small', device='cpu').det_name == FCOS_REAL_SMALL


def test_an_image_without_detections_has_no_instances(tmp_path, image) -> None:
    weights = write_weights(tmp_path, bias=-20)
    inferencer = VLPoseInferencer(
        'mini-drawn', det_model='rtmdet-nano', det_weights=weights, device='cpu'
    )
    (result,) = inferencer(image)
    assert result['predictions'] == [[]]


@pytest.mark.fast
def test_detectors_are_found_by_our_name_and_that_of_mmdetection(tmp_path) -> None:
    weights = tmp_path / 'w.pth'
    weights.touch()
    for name, published in DETECTORS.items():
        found = find_detector(name, weights)
        assert found.cfg.model.bbox_head.num_classes == 1 and found.cat_ids == (0,)
        url = published.weights
        assert url.startswith('https://') and url.endswith('.pth')
    assert find_detector('rtmdet-m', weights, 3).cat_ids == (3,)
    assert find_detector('rtmdet-m', weights, [0, 2]).cat_ids == (0, 2)
    for name in ('yolox_tiny_8x8_300e_coco', 'YOLOX_s_8x8_300e_coco'):
        found = find_detector(name, weights)
        assert found.cfg.model.type == 'YOLOX' and found.name == name


KINDS = ['CocoDataset', 'HumanArtDataset', 'HumanArtVLDataset', None]


@pytest.mark.parametrize('kind', KINDS)
def test_the_default_is_that_of_mmpose_for_the_dataset_but_for_human_art(
    kind, small_config, monkeypatch
) -> None:
    asked = []
    monkeypatch.setattr(
        'vlpose_mm.apis.inferencer.find_detector', lambda *args: asked.append(args) or 1 / 0
    )
    cfg = Config.fromfile(small_config)
    cfg.dataset_type = kind
    if kind is None:
        cfg.pop('dataset_type')
    with pytest.raises(ZeroDivisionError):
        VLPoseInferencer(cfg, device='cpu')
    ((config, weights, cat_ids),) = asked
    if 'HumanArt' in str(kind):
        assert (config, weights, cat_ids) == ('yolox-m-humanart', None, None)
        return
    assert Path(config).name == 'rtmdet_m_640-8xb32_coco-person.py'
    assert weights == DETECTORS['rtmdet-m'].weights and cat_ids == (0,)


def test_a_detector_that_is_not_found_is_named(tmp_path) -> None:
    with pytest.raises(ValueError, match="Unknown detector 'somebody'; .*yolox-s-humanart"):
        find_detector('somebody')
    with pytest.raises(FileNotFoundError, match='There is no file mine.py'):
        find_detector('mine.py')
    with pytest.raises(FileNotFoundError, match='There is no file .*none.pth'):
        find_detector('rtmdet-m', str(tmp_path / 'none.pth'))
    for content, message in (
        ('model = dict()', 'mine.py has no model; give the config of a detector'),
        ('model = dict(', 'mine.py cannot be read .SyntaxError'),
        ("model = dict(type='RTMDet')", 'mine.py has no weights; give some'),
    ):
        (tmp_path / 'mine.py').write_text(content)
        with pytest.raises(ValueError, match=message):
            find_detector(tmp_path / 'mine.py')


def test_a_detector_that_lacks_an_operator_is_refused_at_once(tmp_path) -> None:
    folder = Path(find_spec('mmdet').submodule_search_locations[0]) / '.mim/configs'
    base = folder / 'faster_rcnn/faster-rcnn_r18_fpn_8xb8-amp-lsj-200e_coco.py'
    config = tmp_path / 'frcnn.py'
    config.write_text(
        f"_base_ = '{base}'\n"
        'model = dict(backbone=dict(init_cfg=None), test_cfg=dict(rpn=dict(max_per_img=5)))'
    )
    with DefaultScope.overwrite_default_scope('mmdet'):
        state = MODELS.build(Config.fromfile(config).model).state_dict()
    path = tmp_path / 'w.pth'
    torch.save(dict(state_dict=state, meta=dict(dataset_meta={})), path)
    with pytest.raises(ValueError, match='does not run: .*roi_align.*mim install mmcv'):
        build_detector(find_detector(config, path), 'cpu')


def test_weights_of_another_model_are_refused(tmp_path) -> None:
    def build(name: str, path: object) -> None:
        build_detector(find_detector(name, path), 'cpu')

    path = tmp_path / 'w.pth'
    path.write_text('no checkpoint')
    with pytest.raises(ValueError, match='w.pth cannot be read as a checkpoint'):
        build('rtmdet-nano', path)
    torch.save(dict(state_dict={'a': torch.zeros(1)}, meta=dict(dataset_meta={})), path)
    with pytest.raises(ValueError, match='not of the detector yolox-tiny.*no name is'):
        build('yolox-tiny-humanart', path)
    with pytest.raises(ValueError, match='rtmdet-nano.pth is not of .*another shape'):
        build('rtmdet-m', write_weights(tmp_path))
    (tmp_path / 'mine.py').write_text("model = dict(type='VLPoseEstimator')")
    with pytest.raises(ValueError, match='mine.py does not run: .*VLPoseEstimator is not'):
        build(tmp_path / 'mine.py', path)
