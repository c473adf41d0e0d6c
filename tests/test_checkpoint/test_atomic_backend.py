"""Writing: a crash at any moment leaves the file that was there, whole."""

import multiprocessing
import os
import random
import resource
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from mmengine.runner import save_checkpoint

from vlpose_mm.checkpoint.atomic_backend import AtomicBackend
from vlpose_mm.checkpoint.io import read_file, write_file

ATOMIC = dict(backend='atomic')
# A fork writes at once, without importing torch again; but it must not compute with it.
FORK = multiprocessing.get_context('fork')


def save_with_mmengine(content: dict, path: str) -> None:
    save_checkpoint(content, path, backend_args=ATOMIC)


def kill_while_saving(write: Callable, content: dict, path: Path, size: int) -> bool:
    """Overwrite a file in a process of its own, and kill it when so much is written.

    Returns whether the kill was in time, which depends on what else the machine does.
    """
    before = {*path.parent.iterdir()}
    process = FORK.Process(target=write, args=(content, str(path)))
    process.start()
    written = 0
    while written < size and process.is_alive():
        for temporary in {*path.parent.iterdir()} - before:
            with suppress(FileNotFoundError):
                written = temporary.stat().st_size
    process.kill()
    process.join()
    return process.exitcode == -signal.SIGKILL


@pytest.mark.parametrize('write', [write_file, save_with_mmengine])
def test_a_kill_in_the_middle_of_a_save_leaves_the_previous_file_whole(
    write: Callable, tmp_path: Path
) -> None:
    path = tmp_path / 'tuned.pth'
    write(dict(state_dict=dict(weight=torch.ones(1000))), str(path))
    before = path.read_bytes()
    large = dict(state_dict=dict(weight=torch.full((10_000_000,), 2.0)))  # 40 MB
    moments = random.Random(0)
    for size in (1, *(moments.randrange(35_000_000) for _ in range(9))):
        while not kill_while_saving(write, large, path, size):
            path.write_bytes(before)
        assert path.read_bytes() == before
        assert read_file(str(path))['state_dict']['weight'].eq(1).all()
    # The next save does not mind what the killed ones left.
    write(dict(state_dict=dict(weight=torch.zeros(2))), str(path))
    assert read_file(str(path))['state_dict']['weight'].tolist() == [0, 0]


@pytest.mark.parametrize('write', [write_file, save_with_mmengine])
def test_replaces_a_file_with_the_usual_rights(write: Callable, tmp_path: Path) -> None:
    path = tmp_path / 'tuned.pth'
    (tmp_path / 'usual').touch()
    for number in (1, 2):
        write(dict(number=number), str(path))
        assert read_file(str(path)) == dict(number=number)
        assert path.stat().st_mode == (tmp_path / 'usual').stat().st_mode
    assert {p.name for p in tmp_path.iterdir()} == {'tuned.pth', 'usual'}


class BreaksOff:
    """Fails when it is pickled, in the middle of a save."""

    def __reduce__(self) -> tuple:
        raise RuntimeError('broke off')


def write_on_a_full_disk(content: dict, path: str) -> None:
    # Larger files fail as they would there.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    with pytest.raises(OSError, match=r'Cannot write \S+/tuned.pth: .*File too large'):
        write_file(content, path)


def test_a_failing_save_or_full_disk_leaves_the_previous_file_and_nothing_else(
    tmp_path: Path,
) -> None:
    path = str(tmp_path / 'tuned.pth')
    write_file(dict(number=1), path)
    with pytest.raises(RuntimeError, match='broke off'):
        write_file(dict(weight=torch.ones(9999), last=BreaksOff()), path)
    large = dict(weight=torch.ones(1_000_000))
    process = FORK.Process(target=write_on_a_full_disk, args=(large, path))
    process.start()
    process.join()
    assert process.exitcode == 0
    assert read_file(path) == dict(number=1)
    assert os.listdir(tmp_path) == ['tuned.pth']


def test_a_checkpoint_removes_what_a_killed_training_wrote_of_it(tmp_path: Path) -> None:
    # Of another checkpoint, and of another training in a folder below.
    kept = {
        tmp_path / '.epoch_2.pth.0123abcd.tmp',
        tmp_path / 'b/.epoch_1.pth.0123abcd.tmp',
    }
    (tmp_path / 'b').mkdir()
    for path in (*kept, tmp_path / '.epoch_1.pth.0123abcd.tmp'):
        path.touch()
    save_with_mmengine(dict(weight=torch.ones(2)), str(tmp_path / 'epoch_1.pth'))
    found = {path for path in tmp_path.rglob('*') if path.is_file()}
    assert found == {*kept, tmp_path / 'epoch_1.pth'}


def test_the_last_checkpoint_is_removed_after_the_next_is_written(tmp_path: Path) -> None:
    first, second = str(tmp_path / 'epoch_1.pth'), str(tmp_path / 'epoch_2.pth')
    AtomicBackend().put(b'1', first)
    # As MMEngine does: removed by one backend, and written by another.
    AtomicBackend().remove(first)
    assert os.path.exists(first)
    AtomicBackend().put(b'other', str(tmp_path / 'other/epoch_1.pth'))
    assert os.path.exists(first)
    AtomicBackend().put(b'2', second)
    assert not os.path.exists(first)
    # What is written again is not removed.
    AtomicBackend().remove(second)
    AtomicBackend().put(b'3', second)
    assert Path(second).read_bytes() == b'3'


def test_writes_where_a_link_leads_and_nothing_but_files_of_torch(tmp_path: Path) -> None:
    for name in ('folder', 'target'):
        (tmp_path / name).mkdir()
    (tmp_path / 'file').touch()
    os.mkfifo(tmp_path / 'pipe')
    link, target = tmp_path / 'link.pth', tmp_path / 'target/target.pth'
    link.symlink_to(target)
    write_file(dict(number=1), str(link))
    assert link.is_symlink() and read_file(str(target)) == dict(number=1)
    before = {*tmp_path.rglob('*')}
    for name in ('nowhere/tuned.pth', 'folder', 'file/tuned.pth', 'pipe'):
        with pytest.raises(OSError, match=f'Cannot write {tmp_path}/{name}: name a file'):
            write_file({}, str(tmp_path / name))
    for path in ('', str(tmp_path / 'model.safetensors')):
        with pytest.raises(OSError, match=f'Cannot write {path}: '):
            write_file({}, path)
    assert {*tmp_path.rglob('*')} == before and (tmp_path / 'pipe').is_fifo()
