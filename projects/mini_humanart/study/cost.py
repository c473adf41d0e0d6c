"""Measure what a training step of each config takes, in time and memory."""

import hashlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from projects.mini_humanart.fingerprint import sum_up
from projects.mini_humanart.runs import BASE_WEIGHTS, ROOT
from projects.mini_humanart.study.arms import ARMS, Training

ROUNDS, WARM_UP, STEPS = 2, 3, 16


def measure_all(data: Path, out: Path) -> dict[str, dict[str, float]]:
    """Measure every config that trains, each in processes of its own, in alternation.

    Return ``seconds`` per step, the median of all rounds, and ``mebibytes``, the smallest
    peak of a process less what it held before there was a model. A result of the same
    configs in ``out`` is read.
    """
    configs = list(dict.fromkeys(arm.config for arm in ARMS.values()))
    configs.remove('original')
    prints = [sum_up(Training(c, seed=0).load(1), data, BASE_WEIGHTS) for c in configs]
    path = out / f'costs_{hashlib.sha256("".join(prints).encode()).hexdigest()[:12]}.json'
    if path.exists():
        return json.loads(path.read_text())
    rounds = {name: [] for name in configs}
    for number in range(ROUNDS):
        for name in configs:
            print(f'cost of {name}, round {number + 1} of {ROUNDS}', flush=True)
            done = subprocess.run(
                [sys.executable, '-W', 'ignore', '-m', __spec__.name, name, str(data)],
                cwd=ROOT,
                capture_output=True,
                text=True,
            )
            if done.returncode:
                sys.exit(f'{done.stderr[-2000:]}\nThe cost of {name} was not measured.')
            rounds[name].append(json.loads(done.stdout.splitlines()[-1]))
    costs = {
        name: dict(
            seconds=statistics.median(s for r in found for s in r['seconds']),
            mebibytes=min(r['mebibytes'] for r in found),
        )
        for name, found in rounds.items()
    }
    path.write_text(json.dumps(costs, indent=1) + '\n')
    return costs


def measure(name: str, data: Path) -> dict:
    """Measure the steps of one config in this process, without the loading of images."""
    cfg = Training(name, seed=0).load(epochs=1)
    cfg = Config(json.loads(json.dumps(cfg.to_dict()).replace('data/mini/', f'{data}/')))
    cfg.log_level = 'ERROR'
    cfg.train_dataloader.update(num_workers=0, persistent_workers=False)
    for key in ('test_dataloader', 'test_cfg'):
        cfg.pop(key)
    cfg.work_dir = tempfile.mkdtemp()
    init_default_scope('mmpose')
    loader = Runner.build_dataloader(cfg.train_dataloader, seed=0)
    batches = list(islice(loader, 4))
    before = _peak()
    runner = Runner.from_cfg(cfg)
    optimizer = runner.build_optim_wrapper(cfg.optim_wrapper)
    runner.model.train()
    seconds = []
    for batch in islice(cycle(batches), WARM_UP + STEPS):
        start = time.perf_counter()
        runner.model.train_step(batch, optimizer)
        seconds.append(time.perf_counter() - start)
    return dict(seconds=seconds[WARM_UP:], mebibytes=_peak() - before)


def _peak() -> float:
    """Most memory that this process ever held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


if __name__ == '__main__':
    os.chdir(ROOT)
    print(json.dumps(measure(sys.argv[1], Path(sys.argv[2]))))
