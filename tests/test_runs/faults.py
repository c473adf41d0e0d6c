"""Programs that are killed at a random moment, in processes that start at once."""

import multiprocessing
import os
import random
import resource
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.runner import Runner

from vlpose_mm.cli import predict  # noqa: F401  # what `vlpose` imports late
from vlpose_mm.cli.main import main as vlpose

# Its server imports this module once, and computes nothing.
CONTEXT = multiprocessing.get_context('forkserver')
CONTEXT.set_forkserver_preload([__name__])


def start(work: Callable, log: Path, *args: str) -> BaseProcess:
    """Start a function in a process of its own, which appends to a log."""
    process = CONTEXT.Process(target=_run, args=(work, str(log), args))
    process.start()
    return process


def _run(work: Callable, log: str, args: tuple[str, ...]) -> None:
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(file, 1)
    os.dup2(file, 2)
    torch.set_num_threads(1)
    work(*args)


def train(config: str, work_dir: str, max_bytes: str = '') -> None:
    """Train as MMPose's ``train.py`` does, with ``--resume`` where there is a checkpoint.

    Args:
        config (str): The config.
        work_dir (str): Its work folder.
        max_bytes (str): The largest size of a file, as on a full disk.
    """
    if max_bytes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(max_bytes), -1))
    cfg = Config.fromfile(config)
    cfg.work_dir = work_dir
    if (Path(work_dir) / 'last_checkpoint').exists():
        cfg.resume, cfg.load_from = True, None
    Runner.from_cfg(cfg).train()


def run_vlpose(*args: str) -> None:
    """Run the command line."""
    raise SystemExit(vlpose(args))


def kill_often(times: int, longest: float, work: Callable, log: Path, *args: str) -> int:
    """Run to the end, but for kills at so many random moments.

    Args:
        times (int): How often it is killed.
        longest (float): How long it may run before that, in seconds.
        work (Callable): What runs.
        log (Path): Its log.
        *args (str): Its arguments.

    Returns:
        int: How many of the kills were in time.
    """
    moments = random.Random(0)
    hits = 0
    for _ in range(times):
        process = start(work, log, *args)
        process.join(moments.uniform(0, longest))
        hits += process.exitcode is None
        process.kill()
        process.join()
    process = start(work, log, *args)
    process.join()
    assert process.exitcode == 0, log.read_text()[-2000:]
    return hits
