"""What predictions and training steps launch, and where they wait for the device."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from projects.benchmark.cases.inference import inference_calls
from projects.benchmark.cases.training import training_step
from projects.benchmark.comparison import compare
from projects.benchmark.conditions import Conditions
from projects.benchmark.kernels import launched_by
from projects.benchmark.model_pair import build_pair, fresh_compiler


def measure(cfg: Mapping, conditions: Conditions) -> Iterator[dict]:
    """Count at the largest batch size: of heatmaps, then of training steps.

    Where the device is busy for less time than a call takes, it waits for the next launch.
    """
    size = max(conditions.batch_sizes)
    pair = build_pair(cfg, conditions)
    fresh_compiler(conditions)
    calls = inference_calls(pair, cfg, conditions, size, mode='tensor')
    yield from _count(f'heatmaps, batch {size}', calls, conditions)

    fresh_compiler(conditions)
    steps = {
        'full fine-tuning': training_step(pair.base, cfg, conditions),
        'tuning': training_step(pair.vlpose, cfg, conditions),
    }
    size = conditions.train_batch_size
    yield from _count(f'a training step, batch {size}', steps, conditions)


def _count(
    title: str, calls: Mapping[str, Callable[[], None]], conditions: Conditions
) -> Iterator[dict]:
    """Count what each call launches after two others, which fill caches."""
    launched = {}
    for name, call in calls.items():
        call()
        call()
        launched[name] = launched_by(call, conditions.device)
    if conditions.device.type != 'cuda':
        counts = {name: [own.kernels] for name, own in launched.items()}
        yield compare(f'operations of {title}', 'operations', counts)
        return
    waits = (
        f'{name} {len(own.waits)} {dict(Counter(own.waits))}'
        for name, own in launched.items()
    )
    yield compare(
        f'kernels of {title}',
        'kernels',
        {name: [own.kernels] for name, own in launched.items()},
        note=f'waits for the device: {", ".join(waits)}',
    )
    busy = {name: [own.seconds * 1000] for name, own in launched.items()}
    yield compare(f'time that the device is busy with {title}', 'ms', busy)
