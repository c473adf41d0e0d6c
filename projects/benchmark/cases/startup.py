"""From a fresh process to its first prediction."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from mmengine.config import Config

from projects.benchmark.comparison import compare
from projects.benchmark.conditions import Conditions
from projects.benchmark.timing import alternate
from vlpose_mm.analysis.base_model import base_config

PHASES = ('import', 'build', 'first prediction')
PROGRAM = 'projects.benchmark.startup_process'
# After one round the system has all files in memory; nothing else settles.
WARM_UP = 1


def measure(cfg: Mapping, conditions: Conditions) -> Iterator[dict]:
    """Time fresh processes: Python and its imports, building the model, one image.

    Weights are not loaded, and nothing is compiled. Both import ``vlpose_mm``, as MMPose
    alone has no ViT. Yield a comparison of base and VLPose, on the tuned route, for each
    phase and for all together. Raise a RuntimeError if a process fails.
    """
    models = dict(base=base_config(cfg['model']), VLPose=cfg['model'])
    with TemporaryDirectory() as folder:
        calls = {}
        for name, model in models.items():
            path = Path(folder) / f'{name}.py'
            loader = cfg.get('train_dataloader') or {}
            Config(dict(model=model, train_dataloader=loader)).dump(path)
            calls[name] = lambda path=path: _start(path, conditions)
        seconds = alternate(calls, conditions.rounds, lambda call: call(), warm_up=WARM_UP)
    for phase in (*PHASES, 'all'):
        samples = {name: [1000 * s[phase] for s in own] for name, own in seconds.items()}
        yield compare(phase, 'ms', samples)


def _start(path: Path, conditions: Conditions) -> dict[str, float]:
    """Start a process, and return the seconds of each of its phases."""
    threads = torch.get_num_threads()
    options = [path, conditions.device.type, conditions.dtype, threads]
    start = time.time()
    done = subprocess.run(
        [sys.executable, '-m', PROGRAM, *map(str, options)], capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f'The process that starts {path.stem} failed:\n{done.stderr}')
    # Others may have printed before.
    times = [start, *json.loads(done.stdout.splitlines()[-1])]
    pairs = zip(PHASES, times[:-1], times[1:], strict=True)
    return {phase: b - a for phase, a, b in pairs} | {'all': times[-1] - start}
