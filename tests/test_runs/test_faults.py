"""What is killed, or cannot write, goes on where it was, to the same result."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from mmengine.runner import CheckpointLoader

from tests.test_runs.faults import kill_often, run_vlpose, start, train

pytestmark = pytest.mark.slow

KILLS = 20
# Without random numbers that a resumed run would draw anew.
CONFIG = """
_base_ = '{base}'
model = dict(backbone=dict(drop_path_rate=0.0))
pipeline = [
    *[dict(type=t) for t in ('LoadImage', 'GetBBoxCenterScale')],
    dict(type='TopdownAffine', input_size=(192, 256), use_udp=True),
    dict(type='GenerateTarget', encoder=_base_.codec),
    *_base_.pack_with_text,
]
train_dataloader = dict(dataset=dict(pipeline=pipeline, indices=8))
train_cfg = dict(max_epochs=12, val_interval=100)
randomness = dict(seed=1)
"""


@pytest.fixture
def config(small_config: Path, tmp_path: Path) -> str:
    path = tmp_path / 'faults.py'
    path.write_text(CONFIG.format(base=small_config))
    return str(path)


def tuned(work_dir: Path) -> dict[str, torch.Tensor]:
    path = work_dir / 'epoch_12.pth'
    return CheckpointLoader.load_checkpoint(str(path), 'cpu')['state_dict']


@pytest.fixture
def undisturbed(config: str, tmp_path: Path) -> dict[str, torch.Tensor]:
    """What a training tunes that nothing happens to."""
    process = start(train, tmp_path / 'log', config, str(tmp_path / 'undisturbed'))
    process.join()
    assert process.exitcode == 0, (tmp_path / 'log').read_text()[-2000:]
    return tuned(tmp_path / 'undisturbed')


def check_same(work_dir: Path, undisturbed: dict[str, torch.Tensor]) -> None:
    found = tuned(work_dir)
    assert found.keys() == undisturbed.keys()
    for name, tensor in undisturbed.items():
        assert torch.equal(found[name], tensor), name


def test_a_training_killed_at_any_moment_ends_as_if_it_was_not(
    config: str, undisturbed: dict, tmp_path: Path
) -> None:
    work_dir = tmp_path / 'killed'
    hits = kill_often(KILLS, train, tmp_path / 'log', config, str(work_dir))
    assert hits > 3
    check_same(work_dir, undisturbed)


def test_a_training_on_a_full_disk_keeps_its_checkpoint_and_goes_on(
    config: str, undisturbed: dict, tmp_path: Path
) -> None:
    work_dir, log = tmp_path / 'full', tmp_path / 'log'
    size = (tmp_path / 'undisturbed/epoch_1.pth').stat().st_size
    process = start(train, log, config, str(work_dir), str(size - 1))
    process.join()
    assert process.exitcode == 1 and 'File too large' in log.read_text()
    assert not [*work_dir.glob('*.pth')]
    process = start(train, log, config, str(work_dir))
    process.join()
    check_same(work_dir, undisturbed)


def test_a_run_of_vlpose_killed_at_any_moment_ends_as_if_it_was_not(
    mini_data: Path, tmp_path: Path
) -> None:
    images = tmp_path / 'images'
    for path in sorted((mini_data / 'HumanArt/images').rglob('*.jpg')):
        target = images / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    args = str(images), '--model', 'mini-drawn', '--det-model', 'whole-image', '--out'
    whole, killed, log = tmp_path / 'whole', tmp_path / 'killed', tmp_path / 'log'
    process = start(run_vlpose, log, *args, str(whole))
    process.join()
    assert process.exitcode == 0, log.read_text()[-2000:]

    hits = kill_often(KILLS, run_vlpose, log, *args, str(killed), '--resume')
    assert hits > 3
    before, after = (
        json.loads((out / 'annotations.json').read_text()) for out in (whole, killed)
    )
    assert before == after
    names = {path.relative_to(whole) for path in whole.rglob('*') if path.is_file()}
    assert {p.relative_to(killed) for p in killed.rglob('*') if p.is_file()} == names
