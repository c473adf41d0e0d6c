"""MMPose's own tools train and test on the device."""

import json
import math
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import CheckpointLoader

AMP = ('optim_wrapper.type=AmpOptimWrapper', 'optim_wrapper.dtype=bfloat16')


def load(path: Path) -> dict[str, torch.Tensor]:
    return CheckpointLoader.load_checkpoint(str(path), map_location='cpu')['state_dict']


@pytest.mark.parametrize('dtype', ['float32', 'bf16'])
def test_training_tunes_the_adapter_alone_and_testing_repeats_its_validation(
    runnable_config: Path,
    dtype: str,
    device: torch.device,
    mmpose_tool: Callable,
    tmp_path: Path,
) -> None:
    # MMEngine has no AMP on the CPU.
    amp = dtype == 'bf16' and device.type == 'cuda'
    options = ('--cfg-options', *(AMP if amp else ('optim_wrapper.type=OptimWrapper',)))
    output = mmpose_tool(
        'train', runnable_config, '--work-dir', tmp_path, *options, cwd=tmp_path
    )
    losses = [float(loss) for loss in re.findall(r'loss_kpt: (\S+)', output)]
    assert losses and all(0 < loss < 1 for loss in losses)
    base = load(runnable_config.parent / 'base.pth')
    tuned = load(tmp_path / 'epoch_1.pth')
    for name, tensor in base.items():
        assert torch.equal(tuned[name], tensor), name
    name = 'head.tuned_final_layer.bias'
    assert not torch.equal(tuned[name], base['head.final_layer.bias'])

    prefix = tmp_path / 'results'
    again = mmpose_tool(
        'test',
        runnable_config,
        tmp_path / 'epoch_1.pth',
        *('--work-dir', tmp_path / 'test'),
        *('--cfg-options', f'test_evaluator.outfile_prefix={prefix}'),
        cwd=tmp_path,
    )
    validated, tested = (
        float(re.findall(rf'Epoch\({mode}\).*coco/AP: (\S+)', text)[-1])
        for mode, text in (('val', output), ('test', again))
    )
    assert math.isclose(tested, validated, abs_tol=1e-3)
    instances = json.loads((tmp_path / 'results.keypoints.json').read_text())
    cfg = Config.fromfile(runnable_config)
    images = json.loads(Path(cfg.test_evaluator.ann_file).read_text())['images']
    assert {one['image_id'] for one in instances} <= {image['id'] for image in images}
