"""MMPose's own commands train, test and resume VLPose on data in the real layout."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import CheckpointLoader
from mmpose.apis import init_model

from vlpose_mm.analysis.base_model import base_config

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def trained(
    small_config: Path, mmpose_tool: Callable, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """Work folder and output of one epoch of training with validation."""
    work_dir = tmp_path_factory.mktemp('work')
    output = mmpose_tool(
        'train', small_config, '--work-dir', work_dir, cwd=small_config.parent
    )
    return work_dir, output


def load(path: Path) -> dict[str, torch.Tensor]:
    return CheckpointLoader.load_checkpoint(str(path), map_location='cpu')['state_dict']


def test_train_tunes_from_the_base_checkpoint_and_validates(
    trained: tuple[Path, str], small_config: Path
) -> None:
    work_dir, output = trained
    assert 'Epoch(val) [1]' in output and 'coco/AP' in output
    losses = [float(loss) for loss in re.findall(r'loss_kpt: ([\d.]+)', output)]
    assert len(losses) > 4 and all(0 < loss < 1 for loss in losses)
    base, tuned = load(small_config.parent / 'vitpose.pth'), load(work_dir / 'epoch_1.pth')
    for name, tensor in base.items():
        assert torch.equal(tuned[name], tensor), name
    assert not torch.equal(
        tuned['head.tuned_final_layer.bias'], base['head.final_layer.bias']
    )
    assert not any('text_encoder' in name for name in tuned)


def test_test_repeats_the_validation_of_the_checkpoint(
    trained: tuple[Path, str], small_config: Path, mmpose_tool: Callable, tmp_path: Path
) -> None:
    work_dir, output = trained
    again = mmpose_tool(
        'test',
        small_config,
        work_dir / 'epoch_1.pth',
        *('--work-dir', tmp_path / 'work', '--out', tmp_path / 'metrics.json'),
        *('--cfg-options', f'test_evaluator.outfile_prefix={tmp_path}/results'),
        cwd=tmp_path,
    )
    validated = re.findall(r'Epoch\(val\).*coco/AP: ([-\d.]+)', output)[-1]
    tested = re.findall(r'Epoch\(test\).*coco/AP: ([-\d.]+)', again)[-1]
    assert tested == validated
    instances = json.loads((tmp_path / 'results.keypoints.json').read_text())
    assert len({each['image_id'] for each in instances}) == 19


def test_resume_continues_and_the_original_route_stays_mmposes_model_of_the_base_file(
    trained: tuple[Path, str], small_config: Path, mmpose_tool: Callable
) -> None:
    work_dir, _ = trained
    output = mmpose_tool(
        'train',
        small_config,
        *('--work-dir', work_dir, '--resume'),
        *('--cfg-options', 'train_cfg.max_epochs=2'),
        cwd=small_config.parent,
    )
    assert 'resumed epoch: 1' in output
    assert 'Epoch(train) [2]' in output and 'Epoch(train) [1]' not in output
    base_file = small_config.parent / 'vitpose.pth'
    first, second = (load(work_dir / f'epoch_{epoch}.pth') for epoch in (1, 2))
    prompts = 'backbone.visual_prompts'
    assert not torch.equal(first[prompts], second[prompts])
    assert all(torch.equal(second[name], each) for name, each in load(base_file).items())

    cfg = Config.fromfile(small_config)
    tuned = init_model(cfg, str(work_dir / 'epoch_2.pth'), device='cpu')
    cfg.model = base_config(cfg.model.to_dict())
    assert cfg.model.type == 'TopdownPoseEstimator'
    assert cfg.model.head.type == 'HeatmapHead'
    vitpose = init_model(cfg, str(base_file), device='cpu')
    images = torch.randn(3, 3, 256, 192)
    with torch.no_grad(), tuned.disable_adapter():
        assert torch.equal(tuned(images, None), vitpose(images, None))
    assert not torch.equal(tuned(images, None), vitpose(images, None))


def test_a_checkpoint_of_another_width_is_refused(
    trained: tuple[Path, str], small_config: Path, mmpose_tool: Callable, tmp_path: Path
) -> None:
    weights = load(small_config.parent / 'vitpose.pth')
    wide = {k: torch.cat([v, v]) if v.ndim else v for k, v in weights.items()}
    torch.save(dict(state_dict=wide), tmp_path / 'wide.pth')
    output = mmpose_tool(
        'test', small_config, tmp_path / 'wide.pth', cwd=tmp_path, fails=True
    )
    assert 'The checkpoint does not fit PromptedVisionTransformer' in output
