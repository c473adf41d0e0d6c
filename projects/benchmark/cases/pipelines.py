"""Every step of loading an instance, in MMPose's pipelines and in ours."""

import time
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from mmengine.dataset import BaseDataset
from mmpose.registry import DATASETS

from projects.benchmark.comparison import compare
from projects.benchmark.conditions import Conditions
from projects.benchmark.datasets import mmpose_dataset, synthetic_dataset
from projects.benchmark.synthetic import CATEGORIES, SIZES, write_dataset

READING = 'reading the record'
# In each round.
NUM_INSTANCES = 60


def measure(cfg: Mapping, conditions: Conditions) -> Iterator[dict]:
    """Time the steps on synthetic images, with the same random numbers for both.

    Yield a comparison for each pipeline: the whole of MMPose's and of ours, then their
    steps, each in milliseconds of the processor per instance, one sample a round.
    """
    with TemporaryDirectory() as folder:
        ann_file, _ = write_dataset(Path(folder), 10 * len(CATEGORIES) * len(SIZES))
        for split in ('train', 'val'):
            ours = synthetic_dataset(cfg[f'{split}_dataloader']['dataset'], ann_file)
            with redirect_stdout(None):
                datasets = {
                    'MMPose': DATASETS.build(mmpose_dataset(ours)),
                    'ours': DATASETS.build(ours),
                }
            rng = np.random.default_rng(0)
            steps: dict[str, list[float]] = {}
            for turn in range(conditions.rounds):
                indices = rng.integers(len(datasets['ours']), size=NUM_INSTANCES).tolist()
                for name in sorted(datasets, reverse=turn % 2):
                    np.random.seed(turn)
                    for step, ms in _load(datasets[name], indices).items():
                        steps.setdefault(f'{name}: {step}', []).append(ms)
            whole = {
                name: np.sum(
                    [v for k, v in steps.items() if k.startswith(name)], 0
                ).tolist()
                for name in datasets
            }
            yield compare(f'{split} pipeline', 'ms per instance', whole | steps)


def _load(dataset: BaseDataset, indices: list[int]) -> dict[str, float]:
    """Return the milliseconds of the processor per instance of each step."""
    spent: dict[str, float] = {}
    for index in indices:
        start = time.process_time()
        sample = dataset.get_data_info(index)
        sample['dataset'] = dataset
        for name, step in [
            (READING, None),
            *((type(t).__name__, t) for t in _steps(dataset)),
        ]:
            if step is not None:
                sample = step(sample)
            end = time.process_time()
            spent[name] = spent.get(name, 0) + 1000 * (end - start) / len(indices)
            start = end
    return spent


def _steps(dataset: BaseDataset) -> list:
    return dataset.pipeline.transforms
