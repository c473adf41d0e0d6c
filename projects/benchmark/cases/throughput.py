"""Images per second from files to keypoints: ours, MMPose's, rtmlib's, transformers'."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmpose.registry import MODELS

from projects.benchmark.comparison import compare
from projects.benchmark.conditions import Conditions
from projects.benchmark.contenders import (
    Run,
    alone,
    mmposes,
    ours,
    rtmlibs,
    transformers_vitpose,
)
from projects.benchmark.datasets import HEIGHT, WIDTH
from projects.benchmark.timing import alternate
from vlpose_mm import VLPoseInferencer
from vlpose_mm.analysis.base_model import base_config
from vlpose_mm.apis.call import check_call
from vlpose_mm.apis.model_zoo import find_model
from vlpose_mm.local_files import find_files
from vlpose_mm.names import PACKAGED
from vlpose_mm.tools.common import load_config

NUM_IMAGES = 400


def measure(
    cfg: Config,
    weights: str,
    files: Sequence[str],
    conditions: Conditions,
    options: argparse.Namespace,
    folder: Path,
) -> Iterator[dict]:
    """Yield the comparison of all in turns, and the stages of ours in one process."""
    size = options.batch_size
    for part in (cfg.model, cfg.model.get('test_cfg') or {}):
        # The others have none.
        part.pop('flip_test', None)
    inferencer = VLPoseInferencer(
        cfg, weights, device=conditions.device.type, det_model='whole-image'
    )
    base = MODELS.build(base_config(cfg.model.to_dict())).eval()
    base.load_state_dict(inferencer.model.state_dict(), strict=False)
    base_weights = folder / 'base.pth'
    torch.save(dict(state_dict=base.state_dict(), meta={}), base_weights)

    runs: dict[str, Run | None] = {
        'MMPoseInferencer': mmposes(cfg, base_weights, conditions),
        'rtmlib': rtmlibs(base, folder),
        'transformers': transformers_vitpose(base, conditions),
    }
    for count in options.num_workers:
        workers = '1 worker' if count == 1 else f'{count} workers'
        runs[f'ours, {workers}'] = ours(inferencer, size, count)
    last = options.num_workers[-1]
    runs[f'ours, {workers}, tuned'] = ours(
        inferencer, size, last, route='tuned', scenario='sketch'
    )
    runs['the model and its decoding'] = alone(inferencer, files, size, decodes=True)
    runs['the model alone'] = alone(inferencer, files, size, decodes=False)
    if not cfg.model.get('text_encoder'):
        runs.pop(f'ours, {workers}, tuned')
    # The first images of a turn do not count on a GPU, while workers start.
    skipped = {
        name: size * (16 if 'worker' in name else 1) * (conditions.device.type == 'cuda')
        for name in runs
    }
    calls = {
        name: partial(_turn, run, files, options.seconds, skipped[name])
        for name, run in runs.items()
        if run is not None
    }
    with conditions.autocast():
        for name, call in calls.items():
            if 'worker' not in name:
                _turn(call.args[0], files[: 2 * size], options.seconds)
        turns = alternate(calls, conditions.rounds, lambda call: call(), warm_up=0)
        counts = ', '.join(f'{name} {own[0].images}' for name, own in turns.items())
        note = f'Images of {WIDTH} x {HEIGHT} unless they were given; of each: {counts}.'
        yield compare(
            f'from files to keypoints, whole images, batch {size}',
            'ms per image',
            {name: [turn.ms for turn in own] for name, own in turns.items()},
            per_image=True,
            note=note,
        )
        # What others do on the machine counts less here.
        yield compare(
            'the same, time of processors',
            'ms per image',
            {name: [turn.cpu_ms for turn in own] for name, own in turns.items()},
        )
        yield compare(
            'the first result',
            'ms',
            {name: [turn.start for turn in own] for name, own in turns.items()},
        )
        stages = {}
        for _ in range(conditions.rounds):
            for name, ms in _stages(inferencer, files[: 4 * size], size).items():
                stages.setdefault(name, []).append(ms)
        yield compare('stages of ours in one process', 'ms per image', stages)


class _Turn(NamedTuple):
    """What an image took in a turn, in milliseconds, and how many there were."""

    ms: float
    cpu_ms: float
    start: float  # Milliseconds to the first result.
    images: int


def _turn(run: Run, files: Sequence[str], seconds: float, skipped: int = 0) -> _Turn:
    """Run for at most so many seconds after the images that are skipped."""
    begin, cpu_begin = time.perf_counter(), _cpu_seconds()
    results, images, counted, start = run(files), 0, begin, None
    for _ in results:
        now = time.perf_counter()
        images += 1
        start = now - begin if start is None else start
        if images == skipped:
            counted = now
        if images > skipped and now - counted > seconds:
            break
    spent = (time.perf_counter() - counted) / max(1, images - skipped)
    # Workers count when they end.
    results.close()
    cpu = (_cpu_seconds() - cpu_begin) / images
    return _Turn(1000 * spent, 1000 * cpu, 1000 * start, images - skipped)


def _cpu_seconds() -> float:
    """Return the processors' time of this process and of its workers that have ended."""
    return sum(os.times()[:4])


def _stages(
    inferencer: VLPoseInferencer, files: Sequence[str], size: int
) -> dict[str, float]:
    """Time each stage on its own, in milliseconds per image."""
    predictor = inferencer._predictor
    call = check_call(inferencer._text_check, [*files], route='original')
    stages, _ = inferencer._check([*files], True, size, 0, route='original')
    sources = [source for item in call.items for source in item.sources()]
    prepare = partial(predictor.preparer.prepare, call=call)
    spent: dict[str, float] = {}

    def timed(name: str, work: Callable[[], object]) -> object:
        start = time.perf_counter()
        result = work()
        spent[name] = spent.get(name, 0) + time.perf_counter() - start
        return result

    def forward(batch: list) -> Callable:
        finish = predictor.launch(batch, call)
        if predictor.device.type == 'cuda':
            torch.cuda.synchronize()
        return finish

    for start in range(0, len(sources), size):
        own = sources[start : start + size]
        read = timed('read', lambda own=own: [source.read() for source in own])
        own = [
            source._replace(read=lambda image=image: image)
            for source, image in zip(own, read, strict=True)
        ]
        batch = timed('crop', lambda own=own: [prepare(source) for source in own])
        finish = timed('model', lambda batch=batch: forward(batch))
        samples = timed('decode', finish)
        pairs = [*zip(batch, samples, strict=True)]
        timed('result', lambda pairs=pairs: [stages.finish(*pair) for pair in pairs])
    return {name: 1000 * seconds / len(files) for name, seconds in spent.items()}


def find_weights(options: argparse.Namespace, folder: Path) -> tuple[Config, str]:
    """Return a config and weights: those of a model in the package, else random ones."""
    if options.config in PACKAGED:
        found = find_model(options.config)
        return found.cfg, found.weights
    cfg = load_config(options)
    weights = folder / 'random.pth'
    torch.save(dict(state_dict=MODELS.build(cfg.model).state_dict()), weights)
    return cfg, str(weights)


def find_images(place: str | None, folder: Path) -> list[str]:
    """List the images of a folder; else write synthetic ones, blots with some grain."""
    if place is not None:
        files = [file for file, kind in find_files(place)[1].items() if kind == 'image']
        if not files:
            raise ValueError(f'There are no images in {place}.')
        return files
    rng = np.random.default_rng(0)
    files = []
    for number in range(NUM_IMAGES):
        blots = rng.integers(0, 256, (HEIGHT // 16, WIDTH // 16, 3), np.uint8)
        image = cv2.resize(blots, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        image = cv2.add(image, rng.integers(0, 16, image.shape, np.uint8))
        files.append(str(folder / f'{number:06}.jpg'))
        cv2.imwrite(files[-1], image, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return files
