"""CheckFiniteHook in real runs of MMEngine."""

from pathlib import Path

import pytest
import torch
from mmengine.model import BaseModel
from mmengine.runner import Runner, load_checkpoint
from mmpose.structures import PoseDataSample
from torch import Tensor, nn


class Model(BaseModel):
    """One weight, whose loss or gradient is not finite from an iteration on."""

    def __init__(self, fault: str, after: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.fault, self.left = fault, after

    def forward(self, inputs: Tensor, data_samples: list, mode: str) -> dict[str, Tensor]:
        self.left -= 1
        loss = self.weight.square().sum()
        if self.left < 0 and self.fault == 'gradient':
            # Finite, but its slope is not.
            loss = loss + (self.weight - self.weight.detach()).abs().sqrt().sum()
        elif self.left < 0:
            loss = loss * float(self.fault)
        return dict(loss=loss)


def collate(rows: list[int]) -> dict:
    samples = [PoseDataSample(metainfo=dict(img_path=f'{row}.jpg')) for row in rows]
    return dict(inputs=torch.tensor(rows), data_samples=samples)


def run(folder: Path, fault: str, after: int, **checkpoint) -> Runner:
    return Runner(
        Model(fault, after),
        str(folder),
        dict(batch_size=2, dataset=range(4), collate_fn=collate, sampler=SAMPLER),
        train_cfg=dict(by_epoch=True, max_epochs=3),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        default_hooks=dict(
            checkpoint=dict(type='CheckpointHook', max_keep_ckpts=1, **checkpoint),
            finite=dict(type='mmpose.CheckFiniteHook'),
        ),
        experiment_name=folder.as_posix().replace('/', '_'),
    )


SAMPLER = dict(type='DefaultSampler', shuffle=False)


@pytest.mark.parametrize('fault', ['nan', 'inf', 'gradient'])
@pytest.mark.parametrize('by_epoch', [True, False], ids=['by epoch', 'by iteration'])
@pytest.mark.parametrize('after', [2, 3])
def test_training_stops_at_once_and_keeps_the_last_good_checkpoint(
    fault: str, by_epoch: bool, after: int, tmp_path: Path
) -> None:
    runner = run(tmp_path, fault, after, by_epoch=by_epoch, interval=1)
    what = 'new weight is' if fault == 'gradient' else f'The loss, {fault}, is'
    with pytest.raises(FloatingPointError, match=f'{what} not finite, in iter') as caught:
        runner.train()
    # Two batches an epoch.
    images = '0.jpg, 1.jpg' if after == 2 else '2.jpg, 3.jpg'
    assert f'iteration {after + 1} of epoch 2' in str(caught.value)
    assert f'Its batch has {images}.' in str(caught.value)
    name = 'epoch_1.pth' if by_epoch else f'iter_{after}.pth'
    (saved,) = tmp_path.glob('*.pth')
    assert saved.name == name and str(saved) in str(caught.value)
    fresh = Model(fault, after)
    load_checkpoint(fresh, str(saved))
    assert fresh.weight.isfinite().all()


def test_training_that_is_finite_goes_on(tmp_path: Path) -> None:
    run(tmp_path, 'nan', 99).train()
    assert (tmp_path / 'epoch_3.pth').exists()
