"""Compare what it takes to load an image with MMPose's pipeline and with ours.

Runs the config's pipelines, and the same with MMPose's dataset, flip and packing, in turn
on the people of a synthetic set, and times every step of them. Then runs a stock ViTPose-B.
"""

# First, for it patches what the other imports need.
import vlpose_mm  # noqa: F401

# isort: split
import argparse
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path

import cv2
import numpy as np
import torch
from annotation_loading import CONFIG, COUNTERPARTS, KINDS, loader_cfg
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.registry import DATASETS, MODELS
from synthetic import CATEGORIES, SIZES, write_set

from vlpose_mm.analysis.base_model import base_config

READING = 'reading the record'


def load(dataset: BaseCocoStyleDataset, index: int) -> dict[str, float]:
    """Load a sample.

    Args:
        dataset (BaseCocoStyleDataset): Where it is.
        index (int): Which it is.

    Returns:
        dict[str, float]: Seconds of the processor by step.
    """
    spent = {}
    start = time.process_time()
    sample = dataset.get_data_info(index)
    sample['dataset'] = dataset
    spent[READING] = time.process_time() - start
    for step in dataset.pipeline.transforms:
        start = time.process_time()
        sample = step(sample)
        spent[type(step).__name__] = time.process_time() - start
    return spent


def table(found: dict[str, list[dict[str, float]]]) -> str:
    """Lay out the time of each step.

    Args:
        found (dict[str, list[dict[str, float]]]): By kind, what :func:`load` found.

    Returns:
        str: Lines with means in ms; a step's share is of our whole.
    """
    means = {
        kind: {step: 1e3 * np.mean([one[step] for one in samples]) for step in samples[0]}
        for kind, samples in found.items()
    }
    whole = {kind: sum(steps.values()) for kind, steps in means.items()}
    head = ''.join(f'{kind:>10}' for kind in KINDS)
    lines = [f'{"ms a person":<22}{head}{"share":>8}']
    for step, ours in means['ours'].items():
        stock = means['MMPose'].get(COUNTERPARTS.get(step, step))
        stock = '-' if stock is None else f'{stock:.3f}'
        lines.append(f'{step:<22}{stock:>10}{ours:>10.3f}{ours / whole["ours"]:>8.1%}')
    ratio = whole['ours'] / whole['MMPose']
    lines.append(f'{"all":<22}{whole["MMPose"]:>10.3f}{whole["ours"]:>10.3f}')
    # By person, so that a slow moment falls on few of them.
    pairs = zip(found['ours'], found['MMPose'], strict=True)
    ratios = [sum(ours.values()) / sum(stock.values()) for ours, stock in pairs]
    lines.append(f'ratio of means {ratio:.3f}, median of ratios {np.median(ratios):.3f}')
    return '\n'.join(lines)


def forward_ms(batch_size: int = 8, rounds: int = 5) -> float:
    """Time a stock ViTPose-B on one thread.

    Args:
        batch_size (int): People in a batch.
        rounds (int): Number of batches.

    Returns:
        float: Median of ms of the processor a person.
    """
    model = MODELS.build(base_config(Config.fromfile(CONFIG).model.to_dict())).eval()
    images = torch.rand(batch_size, 3, 256, 192)  # B, 3, H, W
    spent = []
    with torch.inference_mode():
        for _ in range(rounds + 1):
            start = time.process_time()
            model(images, None, mode='tensor')
            spent.append(time.process_time() - start)
    return 1e3 * float(np.median(spent[1:])) / batch_size


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--people', type=int, default=600)
    options = parser.parse_args()
    MMLogger.get_current_instance().setLevel('ERROR')
    init_default_scope('mmpose')
    # As MMEngine has it in the workers of a loader.
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        ann_file, _ = write_set(Path(folder), 10 * len(CATEGORIES) * len(SIZES))
        for split in ('train', 'val'):
            found = {kind: [] for kind in KINDS}
            cfgs = {kind: loader_cfg(kind, ann_file, split)['dataset'] for kind in KINDS}
            with redirect_stdout(None):
                datasets = {kind: DATASETS.build(cfg) for kind, cfg in cfgs.items()}
            people = np.random.default_rng(0).permutation(len(datasets['ours']))
            for i, index in enumerate(people[: options.people].tolist()):
                # Now this one first, now that one; with the same random numbers.
                for kind in KINDS[:: 1 - 2 * (i % 2)]:
                    np.random.seed(i)
                    found[kind].append(load(datasets[kind], index))
            print(f'{split}_pipeline, {len(found["ours"])} people')
            print(table(found), end='\n\n', flush=True)
    print(f'ViTPose-B, one thread: {forward_ms():.0f} ms a person')


if __name__ == '__main__':
    main()
