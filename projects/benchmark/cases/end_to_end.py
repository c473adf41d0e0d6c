"""Images per second from files to keypoints."""

from collections.abc import Callable, Iterator, Mapping

import torch
from mmengine.runner import Runner
from torch.utils.data import DataLoader, Subset

from projects.benchmark.comparison import compare
from projects.benchmark.conditions import Conditions
from projects.benchmark.datasets import open_datasets
from projects.benchmark.model_pair import build_pair, fresh_compiler
from projects.benchmark.timing import alternate, stopwatch

NUM_WORKERS = (0, 1, 2)
BATCHES = 4


def measure(cfg: Mapping, conditions: Conditions) -> Iterator[dict]:
    """Time tests as the config has them: its data loader, its flip test, no metric.

    Yield a comparison for each number of workers of the loader.
    """
    pair = build_pair(cfg, conditions)
    size = max(conditions.batch_sizes)
    with open_datasets(cfg) as datasets:
        num_images = min(len(datasets.val), BATCHES * size)
        for num_workers in NUM_WORKERS:
            fresh_compiler(conditions)
            loader = Runner.build_dataloader(
                dict(
                    batch_size=size,
                    num_workers=num_workers,
                    persistent_workers=num_workers > 0,
                    sampler=dict(type='DefaultSampler', shuffle=False),
                    dataset=Subset(datasets.val, range(num_images)),
                )
            )
            calls = dict(
                base=_test(pair.base, loader, conditions),
                original=_test(pair.vlpose, loader, conditions, 'original'),
                tuned=_test(pair.vlpose, loader, conditions, 'tuned'),
            )
            seconds = alternate(calls, conditions.rounds, stopwatch(conditions.device))
            samples = {k: [1000 * s / num_images for s in v] for k, v in seconds.items()}
            workers = '1 worker' if num_workers == 1 else f'{num_workers} workers'
            yield compare(
                f'from files to keypoints, {workers}, batch {size}',
                'ms per image',
                samples,
                per_image=True,
                note=f'Loaded: {num_images} instances; {datasets.source}.',
            )


def _test(
    model: torch.nn.Module,
    loader: DataLoader,
    conditions: Conditions,
    route: str | None = None,
) -> Callable[[], None]:
    """Make the call that predicts all images of a loader."""

    def test() -> None:
        if route is not None:
            model.set_route(route)
        with torch.no_grad(), conditions.autocast():
            for batch in loader:
                model.test_step(batch)

    return test
