"""What is killed, or cannot write, goes on where it was, to the same result."""

import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from mmengine.runner import CheckpointLoader

from tests.test_runs.faults import kill_often, run_vlpose, start, train

pytestmark = pytest.mark.slow

KILLS = 20
# Without random numbers that a resumed run would draw again.
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
train_cfg = dict(max_epochs=6, val_interval=100)
randomness = dict(seed=1)
"""


@pytest.fixture(scope='module')
def config(small_config: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp('faults') / 'faults.py'
    path.write_text(CONFIG.format(base=small_config))
    return str(path)


def tuned(work_dir: Path) -> dict[str, torch.Tensor]:
    path = work_dir / 'epoch_6.pth'
    return CheckpointLoader.load_checkpoint(str(path), 'cpu')['state_dict']


class Undisturbed(NamedTuple):
    """A run that nothing happens to."""

    seconds: float
    out: Path


def run_undisturbed(work: Callable, folder: Path, *args: str) -> Undisturbed:
    """Run to the end; the last argument is the folder that is written to."""
    log = folder / 'undisturbed.log'
    start(str, log).join()  # the server of the processes imports everything first
    begin = time.monotonic()
    process = start(work, log, *args, str(folder / 'undisturbed'))
    process.join()
    assert process.exitcode == 0, log.read_text()[-2000:]
    return Undisturbed(time.monotonic() - begin, folder / 'undisturbed')


@pytest.fixture(scope='module')
def undisturbed(config: str) -> Undisturbed:
    return run_undisturbed(train, Path(config).parent, config)


def check_same(work_dir: Path, undisturbed: Undisturbed) -> None:
    found, expected = tuned(work_dir), tuned(undisturbed.out)
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        # Where tensors lie in memory changes the last bits of products.
        assert torch.allclose(found[name], tensor, rtol=0, atol=1e-4), name


def test_a_training_killed_at_any_moment_ends_as_if_it_was_not(
    config: str, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    work_dir = tmp_path / 'killed'
    longest = undisturbed.seconds / 2
    hits = kill_often(KILLS, longest, train, tmp_path / 'log', config, str(work_dir))
    assert hits > 3
    check_same(work_dir, undisturbed)


def test_a_training_on_a_full_disk_keeps_its_checkpoint_and_goes_on(
    config: str, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    work_dir, log = tmp_path / 'full', tmp_path / 'log'
    size = (undisturbed.out / 'epoch_1.pth').stat().st_size
    process = start(train, log, config, str(work_dir), str(size // 2))
    process.join()
    assert process.exitcode == 1 and 'File too large' in log.read_text()
    assert not [*work_dir.glob('*.pth')]
    process = start(train, log, config, str(work_dir))
    process.join()
    check_same(work_dir, undisturbed)


def test_a_training_whose_worker_dies_ends_with_an_error_and_goes_on(
    config: str, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    work_dir, log, own = tmp_path / 'orphaned', tmp_path / 'log', tmp_path / 'own.py'
    own.write_text(f"_base_ = '{config}'\ntrain_dataloader = dict(num_workers=1)\n")
    process = start(train, log, str(own), str(work_dir))
    children = Path(f'/proc/{process.pid}/task/{process.pid}/children')
    while not (work_dir / 'epoch_2.pth').exists() or not children.read_text():
        assert process.exitcode is None
    for worker in children.read_text().split():
        os.kill(int(worker), signal.SIGKILL)
    process.join()
    if process.exitcode:  # it was not between two epochs
        assert 'DataLoader worker' in log.read_text()
    process = start(train, log, str(own), str(work_dir))
    process.join()
    check_same(work_dir, undisturbed)


def test_a_training_that_cannot_write_names_the_folder(config: str, tmp_path: Path) -> None:
    log = tmp_path / 'log'
    process = start(train, log, config, '/proc/work_dir')
    process.join()
    assert process.exitcode == 1 and "'/proc/work_dir" in log.read_text()


def test_a_run_of_vlpose_killed_at_any_moment_ends_as_if_it_was_not(
    mini_data: Path, tmp_path: Path
) -> None:
    images = tmp_path / 'images'
    for path in sorted((mini_data / 'HumanArt/images').rglob('*.jpg')):
        target = images / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    args = str(images), '--model', 'mini-drawn', '--det-model', 'whole-image', '--out'
    seconds, whole = run_undisturbed(run_vlpose, tmp_path, *args)
    killed, log = tmp_path / 'killed', tmp_path / 'log'
    own = *args, str(killed), '--resume'
    hits = kill_often(KILLS, seconds / 2, run_vlpose, log, *own)
    assert hits > 3
    before, after = (
        json.loads((out / 'annotations.json').read_text()) for out in (whole, killed)
    )
    assert before == after
    names = {path.relative_to(whole) for path in whole.rglob('*') if path.is_file()}
    assert {p.relative_to(killed) for p in killed.rglob('*') if p.is_file()} == names
