"""A script for MMPoseInferencer runs by changing the class name."""

import importlib.util
import inspect
import json
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpose.apis import MMPoseInferencer
from mmpose.registry import MODELS

from tests.test_apis.conftest import write_video
from tests.test_apis.detector_weights import write_weights
from vlpose_mm import VLPoseInferencer

MMPOSE = Path(find_spec('mmpose').submodule_search_locations[0]) / '.mim'
# Of each kind the published config with few and narrow layers.
RTMPOSE = """
_base_ = (
    'mmpose::body_2d_keypoint/rtmpose/humanart/'
    'rtmpose-t_8xb256-420e_humanart-256x192.py'
)
model = dict(backbone=dict(widen_factor=0.125), head=dict(in_channels=128))
"""
VITPOSE = """
_base_ = (
    'mmpose::body_2d_keypoint/topdown_heatmap/humanart/'
    'td-hm_ViTPose-base_8xb64-210e_humanart-256x192.py'
)
arch = dict(
    _delete_=True, embed_dims=32, num_layers=2, num_heads=4, feedforward_channels=64
)
model = dict(backbone=dict(arch=arch), head=dict(in_channels=32))
"""


@pytest.fixture(scope='module')
def original_config(small_config: Path) -> str:
    """A config whose route is the original one, so that MMPose's inferencer takes it."""
    path = small_config.with_name('original.py')
    path.write_text(
        f"_base_ = '{small_config}'\nmodel = dict(test_cfg=dict(route='original'))"
    )
    return str(path)


@pytest.fixture
def run_script(monkeypatch: pytest.MonkeyPatch) -> Callable:
    """Run MMPose's ``demo/inferencer_demo.py`` with one of both classes."""
    path = MMPOSE / 'demo/inferencer_demo.py'
    spec = importlib.util.spec_from_file_location('inferencer_demo', path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)

    def run(kind: type, *args: str) -> None:
        monkeypatch.setattr(script, 'MMPoseInferencer', kind)
        monkeypatch.setattr(sys, 'argv', ['inferencer_demo.py', *args])
        script.main()

    return run


def files_in(folder: Path) -> dict[str, Path]:
    files = [path for path in folder.rglob('*') if path.is_file()]
    return {path.relative_to(folder).as_posix(): path for path in files}


@pytest.mark.parametrize('source', ['image', 'folder', 'detector', 'video'])
def test_mmposes_demo_script_writes_the_same_files(
    source: str,
    run_script: Callable,
    original_config: str,
    small_config: Path,
    sketches: list[str],
    tmp_path: Path,
) -> None:
    weights = str(small_config.with_name('vitpose.pth'))
    args = ['--pose2d', original_config, '--pose2d-weights', weights, '--device', 'cpu']
    place = sketches[0] if source != 'folder' else str(Path(sketches[0]).parent)
    if source == 'video':
        image = cv2.imread(sketches[0])
        place = str(write_video(tmp_path / 'clip.mp4', [image, image[:, ::-1]]))
    detector = ['--det-model', 'whole_image', '--draw-heatmap']
    mine = detector
    if source == 'detector':
        config = MMPOSE / 'demo/mmdetection_cfg/rtmdet_nano_320-8xb32_coco-person.py'
        weights = ['--det-weights', write_weights(tmp_path), '--bbox-thr', '0.1']
        detector = ['--det-model', str(config), *weights]
        mine = ['--det-model', 'rtmdet-nano', *weights]
    outputs = []
    for kind, more in ((MMPoseInferencer, detector), (VLPoseInferencer, mine)):
        out = tmp_path / kind.__name__
        run_script(
            kind, place, *args, *more, '--draw-bbox',
            '--vis-out-dir', f'{out}/vis', '--pred-out-dir', f'{out}/pred',
        )  # fmt: skip
        outputs.append(files_in(out))
    theirs, ours = outputs
    assert ours.keys() == theirs.keys() and len(ours) == (4 if source == 'folder' else 2)
    for name, path in ours.items():
        assert path.read_bytes() == theirs[name].read_bytes(), name
    instances = json.loads(next(p for n, p in ours.items() if 'pred' in n).read_text())
    assert len(instances) > (1 if source in ('detector', 'video') else 0)


def test_results_are_those_of_mmpose_and_more(
    original_config: str, small_config: Path, sketches: list[str]
) -> None:
    args = (original_config, str(small_config.with_name('vitpose.pth')))
    theirs, ours = (
        kind(*args, device='cpu', det_model='whole_image')
        for kind in (MMPoseInferencer, VLPoseInferencer)
    )
    (expected,), (result,) = theirs(sketches[0]), ours(sketches[0])
    assert result['scenario'] == 'sketch' and result['route'] == 'original'
    assert result['text_prompt'] is None and result['name'] in sketches[0]
    assert result['predictions'] == expected['predictions']
    assert result['visualization'] is expected['visualization'] is None
    options = dict(return_vis=True, return_datasamples=True)
    (expected,), (result,) = theirs(sketches[0], **options), ours(sketches[0], **options)
    assert np.array_equal(result['visualization'], expected['visualization'])
    (sample,), (wanted,) = result['predictions'], expected['predictions']
    for key, value in wanted.pred_instances.items():
        assert np.array_equal(sample.pred_instances[key], value)


@pytest.mark.parametrize('config', [RTMPOSE, VITPOSE], ids=['RTMPose', 'ViTPose'])
def test_a_model_of_mmpose_predicts_what_it_does_there(
    config: str, sketches: list[str], tmp_path: Path
) -> None:
    path, weights = str(tmp_path / 'mine.py'), str(tmp_path / 'weights.pth')
    Path(path).write_text(config)
    cfg = Config.fromfile(path)
    if 'ViTPose' in config:
        # The other one cannot be imported here; test_vit.py compares both.
        assert cfg.model.backbone.type == 'mmpretrain.VisionTransformer'
        cfg.model.backbone.type = 'PromptedVisionTransformer'
    torch.save(MODELS.build(cfg.model).state_dict(), weights)
    args = dict(device='cpu', det_model='whole_image')
    theirs, ours = (
        MMPoseInferencer(cfg, weights, **args),
        VLPoseInferencer(path, weights, **args),
    )
    for image in sketches:
        options = dict(return_vis=True, draw_heatmap=True)
        (expected,), (result,) = theirs(image, **options), ours(image, **options)
        assert result['predictions'] == expected['predictions']
        assert np.array_equal(result['visualization'][0], expected['visualization'][0])
        assert (result['route'], result['text_prompt']) == ('original', None)
        assert result['scenario'] == 'sketch'
    for text in (dict(scenario='mural'), dict(text_prompt='mural'), dict(route='tuned')):
        with pytest.raises(
            ValueError, match='mine.py has no tuned weights, and runs on th'
        ):
            ours(sketches, **text)
    assert not ours.is_tuned and ours.text_encoder is None and ours.unread('a mural') == ''
    torch.save(torch.load(weights) | {'head.final_layer.bias': torch.ones(3)}, weights)
    with pytest.raises(
        ValueError, match='weights do not fit .*mine.py: size mismatch for '
    ):
        VLPoseInferencer(path, weights, **args)


def test_the_signatures_begin_like_those_of_mmpose() -> None:
    for name in ('__init__', '__call__'):
        theirs = inspect.signature(getattr(MMPoseInferencer, name)).parameters
        ours = inspect.signature(getattr(VLPoseInferencer, name)).parameters
        assert [*ours][: len(theirs)] == [*theirs]
    for name in ('preprocess', 'forward', 'visualize', 'postprocess'):
        kwargs = getattr(VLPoseInferencer.__mro__[1], f'{name}_kwargs')
        assert kwargs <= getattr(VLPoseInferencer, f'{name}_kwargs')


def test_out_dir_has_mmposes_folders_and_an_array_its_name(demo, image, tmp_path) -> None:
    list(demo(image, out_dir=str(tmp_path)))
    assert [*files_in(tmp_path)] == ['visualizations/000000.jpg', 'predictions/000000.json']
