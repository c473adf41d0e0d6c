"""Loading and augmenting images, beside what the model takes for them."""

from collections.abc import Iterator, Mapping
from itertools import cycle, islice

from projects.benchmark.cases.inference import inference_calls
from projects.benchmark.cases.training import training_step
from projects.benchmark.comparison import compare
from projects.benchmark.conditions import Conditions
from projects.benchmark.datasets import open_datasets
from projects.benchmark.model_pair import build_pair, fresh_compiler
from projects.benchmark.timing import alternate, stopwatch

# Loaded in each round.
NUM_IMAGES = 32


def measure(cfg: Mapping, conditions: Conditions) -> Iterator[dict]:
    """Time the pipelines without the model, in this process.

    After the first round the system has the files in memory. Yield a comparison of the
    validation pipeline with prediction on the tuned route, and one of the training pipeline
    with a step of tuning.
    """
    pair = build_pair(cfg, conditions)
    size, train_size = max(conditions.batch_sizes), conditions.train_batch_size
    with open_datasets(cfg) as datasets:
        for kind in ('validation', 'training'):
            fresh_compiler(conditions)
            if kind == 'validation':
                name, num_images = f'predict, batch {size}', size
                compute = inference_calls(pair, cfg, conditions, size)['tuned']
                dataset = datasets.val
            else:
                name, num_images = f'tuning step, batch {train_size}', train_size
                compute = training_step(pair.vlpose, cfg, conditions)
                dataset = datasets.train
            indices = cycle(range(len(dataset)))

            def load(dataset=dataset, indices=indices) -> None:
                for index in islice(indices, NUM_IMAGES):
                    dataset[index]

            calls = {name: compute, f'pipeline of {kind}': load}
            seconds = alternate(calls, conditions.rounds, stopwatch(conditions.device))
            per_call = (num_images, NUM_IMAGES)
            samples = {
                name: [1000 * s / n for s in own]
                for (name, own), n in zip(seconds.items(), per_call, strict=True)
            }
            yield compare(
                f'loading for {kind}, one process',
                'ms per image',
                samples,
                per_image=True,
                note=f'Loaded: {datasets.source}.',
            )
