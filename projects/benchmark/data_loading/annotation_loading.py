"""Compare what it takes to read a large Human-Art file with MMPose's dataset and with ours.

Makes up an annotation file and reads it with both, in turn, each time in a fresh process;
then loads the first batch of the config's training, by the process itself and by two
workers. MMPose's has its own dataset and packs no words.
"""

# First, for it patches what the other imports need.
import vlpose_mm

# isort: split
import argparse
import cProfile
import pstats
import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmengine.utils.dl_utils import set_multi_processing
from mmpose.registry import DATASETS
from synthetic import CATEGORIES, write_set

CONFIG = vlpose_mm.config_path(
    'body_2d_keypoint/vlpose/humanart/td-hm_VLPose-base_8xb64-210e_humanart-256x192.py'
)
# Ours, and MMPose's in the same place.
COUNTERPARTS = dict(ContiguousRandomFlip='RandomFlip')
KINDS = ('MMPose', 'ours')
WORKERS = (0, 2)


def loader_cfg(kind: str, ann_file: Path, split: str = 'train') -> dict:
    """Configure a loader of a set.

    Args:
        kind (str): One of :data:`KINDS`.
        ann_file (Path): The annotations, beside which the images are.
        split (str): ``'train'`` or ``'val'``; both read the same people.

    Returns:
        dict: Of the config, with MMPose's dataset, flip and packing if that is wanted.
    """
    cfg = Config.fromfile(CONFIG)[f'{split}_dataloader'].to_dict()
    root = f'{ann_file.parent}/'
    cfg['dataset'].update(data_root=root, ann_file=ann_file.name, bbox_file=None)
    if kind == 'MMPose':
        steps = [*cfg['dataset']['pipeline'][:-2], dict(type='PackPoseInputs')]
        for step in steps:
            step['type'] = COUNTERPARTS.get(step['type'], step['type'])
        cfg['dataset'].update(type='HumanArtDataset', pipeline=steps)
    return cfg


def measure(kind: str, ann_file: Path) -> dict[str, float]:
    """Measure in this process, which should be a fresh one.

    Args:
        kind (str): One of :data:`KINDS`.
        ann_file (Path): The annotations.

    Returns:
        dict[str, float]: What was measured.
    """
    MMLogger.get_current_instance().setLevel('ERROR')
    init_default_scope('mmpose')
    set_multi_processing(mp_start_method='fork', opencv_num_threads=0)
    cfg = loader_cfg(kind, ann_file)
    start = time.process_time()
    with redirect_stdout(None):
        dataset = DATASETS.build(cfg.pop('dataset'))
    found = {
        'reading, s': time.process_time() - start,
        'records in memory, MB': dataset.data_bytes.nbytes / 1e6,
        # In KiB, where Linux runs.
        'peak memory, MB': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1.024e-3,
    }
    for workers in WORKERS:
        cfg.update(num_workers=workers, persistent_workers=workers > 0, dataset=dataset)
        start = time.perf_counter()
        batches = iter(Runner.build_dataloader(cfg, seed=0))
        next(batches)
        name = f'first batch of {cfg["batch_size"]}, {workers} workers, s'
        found[name] = time.perf_counter() - start
        # Not sooner, for it waits until the workers have done what they have begun.
        del batches
    return found


def profile(kind: str, ann_file: Path) -> None:
    """Print where the time of reading goes.

    Args:
        kind (str): One of :data:`KINDS`.
        ann_file (Path): The annotations.
    """
    init_default_scope('mmpose')
    dataset = loader_cfg(kind, ann_file)['dataset']
    with cProfile.Profile() as seen, redirect_stdout(None):
        DATASETS.build(dataset)
    print(f'{kind}:')
    pstats.Stats(seen, stream=sys.stdout).sort_stats('tottime').print_stats(8)
    sys.stdout.flush()


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--images', type=int, default=50000)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument(
        '--profile', action='store_true', help='print where the time of reading goes'
    )
    options = parser.parse_args()
    MMLogger.get_current_instance().setLevel('ERROR')
    rounds = []
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(1, get_context('spawn'), max_tasks_per_child=1) as pool,
    ):
        ann_file, content = write_set(Path(folder), options.images)
        print(
            f'{options.images} images of {len(CATEGORIES)} scenarios, '
            f'{len(content["annotations"])} people, {ann_file.stat().st_size / 1e6:.0f} MB',
            flush=True,
        )
        if options.profile:
            for kind in KINDS:
                pool.submit(profile, kind, ann_file).result()
            return
        for i in range(options.rounds):
            # Now this one first, now that one.
            order = KINDS[:: 1 - 2 * (i % 2)]
            rounds.append({k: pool.submit(measure, k, ann_file).result() for k in order})
    head = ''.join(f'{kind:>10}' for kind in KINDS)
    print(f'{"medians":<32}{head}{"ratio":>10}   ratios of the rounds')
    for name in rounds[0][KINDS[0]]:
        values = np.array([[found[kind][name] for kind in KINDS] for found in rounds])
        stock, ours = np.median(values, axis=0)
        ratios = ', '.join(f'{b / a:.2f}' for a, b in values)
        print(f'{name:<32}{stock:>10.2f}{ours:>10.2f}{ours / stock:>10.3f}   {ratios}')


if __name__ == '__main__':
    main()
