"""Reading a large annotation file, by MMPose's dataset and by ours."""

import resource
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmengine.utils.dl_utils import set_multi_processing
from mmpose.registry import DATASETS

from projects.benchmark.comparison import compare
from projects.benchmark.conditions import Conditions
from projects.benchmark.datasets import mmpose_dataset, synthetic_dataset
from projects.benchmark.synthetic import write_dataset
from projects.benchmark.timing import alternate

# As many as Human-Art has.
NUM_IMAGES = 50_000
WORKERS = (0, 2)


def measure(cfg: Mapping, conditions: Conditions) -> Iterator[dict]:
    """Read a synthetic file in fresh processes, and load the first batch of training.

    Yield seconds of the processor, memory, and the seconds to the first batch.
    """
    with TemporaryDirectory() as folder:
        ann_file, content = write_dataset(Path(folder), NUM_IMAGES)
        ours = synthetic_dataset(cfg['train_dataloader']['dataset'], ann_file)
        size = conditions.train_batch_size
        datasets = dict(MMPose=mmpose_dataset(ours), ours=ours)
        calls = {k: lambda d=d: _load_afresh(d, size) for k, d in datasets.items()}
        found = alternate(calls, conditions.rounds, lambda call: call(), warm_up=0)
    note = f'{NUM_IMAGES} images, {len(content["annotations"])} instances.'
    for title, unit in found['ours'][0]:
        samples = {name: [one[title, unit] for one in own] for name, own in found.items()}
        yield compare(title, unit, samples, note=note)


def _load_afresh(dataset: dict, batch_size: int) -> dict[tuple[str, str], float]:
    """Measure in a fresh process."""
    with ProcessPoolExecutor(1, get_context('spawn')) as pool:
        return pool.submit(_load, dataset, batch_size).result()


def _load(dataset: dict, batch_size: int) -> dict[tuple[str, str], float]:
    """Measure in this process, which has to be a fresh one."""
    MMLogger.get_current_instance().setLevel('ERROR')
    init_default_scope('mmpose')
    set_multi_processing(mp_start_method='fork', opencv_num_threads=0)
    start = time.process_time()
    with redirect_stdout(None):
        dataset = DATASETS.build(dataset)
    found = {
        ('reading', 's'): time.process_time() - start,
        ('records in memory', 'MB'): dataset.data_bytes.nbytes / 1e6,
        # In KiB, on Linux.
        ('peak memory', 'MB'): resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        * 1.024e-3,
    }
    for workers in WORKERS:
        loader = dict(
            batch_size=batch_size,
            num_workers=workers,
            sampler=dict(type='DefaultSampler', shuffle=True),
            dataset=dataset,
        )
        start = time.perf_counter()
        batches = iter(Runner.build_dataloader(loader, seed=0))
        next(batches)
        title = f'first batch of {batch_size}, {workers} workers'
        found[title, 's'] = time.perf_counter() - start
        # Not sooner, as it waits until the workers have finished.
        del batches
    return found
