"""Distributed training computes what one process with the whole batch does."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

pytestmark = pytest.mark.slow

PROBE = '''
"""Holds batch statistics fixed and writes the gradients of every step."""
import torch
from mmengine.dist import get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.registry import HOOKS, OPTIM_WRAPPERS


@HOOKS.register_module()
class HoldBatchStatistics(Hook):
    def before_train_iter(self, runner, batch_idx, data_batch=None):
        for module in runner.model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.eval()


@OPTIM_WRAPPERS.register_module()
class ProbeOptimWrapper(OptimWrapper):
    steps = 0

    def step(self, **kwargs):
        params = [p for g in self.param_groups for p in g['params']]
        grads = [p.grad.clone() for p in params if p.requires_grad]
        if get_rank() == 0:
            torch.save(grads, f'grads_{get_world_size()}_{self.steps}.pth')
        self.steps += 1
        super().step(**kwargs)
'''

CONFIG = """
_base_ = '{user}'
custom_imports = dict(imports=['vlpose_mm', 'probe'])
custom_hooks = [dict(type='HoldBatchStatistics')]
model = dict(train_cfg=dict(route='auto'), matcher=dict(attn_drop_rate=0.0))
optim_wrapper = dict(type='ProbeOptimWrapper')
pipeline = [
    *_base_.val_pipeline[:-2],
    dict(type='GenerateTarget', encoder=_base_.codec),
    *_base_.pack_with_text,
]
# Artworks are at the start of the file and photos at its end. One process gets artworks and
# the other one photos; then both photos; then twice both artworks.
train_dataloader = dict(
    batch_size={batch_size},
    sampler=dict(shuffle=False),
    dataset=dict(
        pipeline=pipeline,
        ann_file='HumanArt/annotations/training_humanart_coco.json',
        indices=[0, -1, 1, -2, 2, -3, 3, -4, *range(-8, 0), *range(8), *range(8)],
    ),
)
env_cfg = dict(dist_cfg=dict(backend='gloo'))
# By default MMEngine hands each process a CUDA device.
model_wrapper_cfg = dict(type='MMDistributedDataParallel', device_ids=None)
randomness = dict(seed=0)
"""


def test_two_processes_average_to_the_gradients_of_the_doubled_batch(
    small_config: Path, mmpose_tool: Callable, tmp_path: Path
) -> None:
    (tmp_path / 'probe.py').write_text(PROBE)
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        port = listener.getsockname()[1]
    launcher = ('-m', 'torch.distributed.run', '--nproc_per_node=2')
    launcher += ('--master_addr=127.0.0.1', f'--master_port={port}')
    for processes in (1, 2):
        config = tmp_path / f'{processes}.py'
        config.write_text(CONFIG.format(user=small_config, batch_size=8 // processes))
        args = ('--no-validate', '--work-dir', tmp_path / f'work_{processes}')
        output = mmpose_tool(
            'train',
            config,
            *args,
            *(('--launcher', 'pytorch') if processes == 2 else ()),
            cwd=tmp_path,
            launcher=launcher if processes == 2 else (),
            path=tmp_path,
        )
        assert 'find_unused_parameters' not in output
        assert ('Distributed training: True' in output) == (processes == 2)
    # Photos train nothing. Low-rank updates and what steers them start at zero, so the norm
    # of the text gets its first gradients after two steps that learn.
    silent = []
    # A further step only works where every trained parameter got its gradient.
    for step in range(4):
        alone, averaged = (
            torch.load(tmp_path / f'grads_{n}_{step}.pth', weights_only=True)
            for n in (1, 2)
        )
        assert len(alone) > 20
        silent.append(sum(not grad.any() for grad in alone))
        for one, two in zip(alone, averaged, strict=True):
            torch.testing.assert_close(two, one, rtol=1e-4, atol=1e-6)
    assert silent[1:] == [len(alone), 2, 0]
