"""MMPose's own commands draw attention maps beside the poses."""

from collections.abc import Callable
from pathlib import Path

import mmcv
import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from tests.test_models.estimators import build
from vlpose_mm.checkpoint.io import write_file

pytestmark = pytest.mark.slow
IMAGES = 'HumanArt/annotations/validation_humanart_mural.json'


@pytest.fixture
def full(small_config: Path, tmp_path: Path) -> Path:
    """A whole checkpoint of a VLPose."""
    path = tmp_path / 'full.pth'
    model = build(Config.fromfile(small_config).model)
    write_file(dict(state_dict=model.state_dict()), str(path))
    return path


def test_test_draws_them_into_show_dir(
    small_config: Path, full: Path, mini_data: Path, mmpose_tool: Callable, tmp_path: Path
) -> None:
    mmpose_tool(
        'test',
        small_config,
        full,
        *('--work-dir', tmp_path / 'work', '--show-dir', tmp_path / 'shown'),
        '--cfg-options',
        'visualizer.type=AttentionMapVisualizer',
        'model.test_cfg.output_attention_maps=True',
        f'test_dataloader.dataset.ann_file={IMAGES}',
        'test_dataloader.dataset.bbox_file=None',
        f'test_evaluator.ann_file={mini_data / IMAGES}',
        cwd=tmp_path,
    )
    poses = {file.stem for file in (tmp_path / 'shown').glob('*.jpg')}
    sheets = {file.stem for file in (tmp_path / 'shown/attention_maps').glob('*.png')}
    assert poses == sheets and poses
    for name in sheets:
        sheet = mmcv.imread(str(tmp_path / f'shown/attention_maps/{name}.png'))
        assert min(sheet.shape[:2]) > 200


def test_validation_hands_them_to_the_backends(
    small_config: Path, full: Path, mini_data: Path, tmp_path: Path
) -> None:
    cfg = Config.fromfile(small_config)
    cfg.load_from = str(full)
    cfg.work_dir = str(tmp_path / 'work')
    cfg.experiment_name = cfg.work_dir.replace('/', '_')
    # MMEngine would hand over one of that name that another test has made.
    cfg.visualizer.update(type='AttentionMapVisualizer', name=cfg.experiment_name)
    cfg.model.test_cfg.output_attention_maps = True
    cfg.default_hooks.visualization.update(enable=True, interval=1)
    # Which needs a training before the validation.
    cfg.default_hooks.checkpoint.save_best = None
    cfg.val_dataloader.dataset.update(ann_file=IMAGES, bbox_file=None)
    cfg.val_evaluator.ann_file = str(mini_data / IMAGES)
    Runner.from_cfg(cfg).val()
    written = [file.name for file in (tmp_path / 'work').rglob('*.png')]
    assert any(name.startswith('val_img_attention_maps') for name in written), written
