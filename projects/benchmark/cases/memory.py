"""The most memory that prediction and training take."""

from collections.abc import Callable, Iterator, Mapping

import torch

from projects.benchmark.cases.inference import inference_calls
from projects.benchmark.cases.training import training_step
from projects.benchmark.comparison import compare
from projects.benchmark.conditions import Conditions
from projects.benchmark.memory import peak_bytes, state_bytes
from projects.benchmark.model_pair import build_pair, fresh_compiler


def measure(cfg: Mapping, conditions: Conditions) -> Iterator[dict]:
    """Measure peaks of memory, at the largest batch size.

    Counted are weights, gradients, the optimizer's state and whatever a call makes; not a
    language model, which encodes every text prompt once, nor Python itself. Yield
    comparisons of predictions, and one of training steps.
    """
    size = max(conditions.batch_sizes)
    pair = build_pair(cfg, conditions)
    for flip in (False, True):
        fresh_compiler(conditions)
        calls = inference_calls(pair, cfg, conditions, size, flip=flip)
        samples = {}
        for name, call in calls.items():
            model = pair.base if name == 'base' else pair.vlpose
            # Drop what the call before has cached; to free it would count.
            model.eval()
            samples[name] = [_mebibytes(model, call, conditions)]
        title = f'predict{" with flip test" if flip else ""}, batch {size}'
        yield compare(f'peak memory of {title}', 'MiB', samples)

    fresh_compiler(conditions)
    samples = {}
    for name, model in (('full fine-tuning', pair.base), ('tuning', pair.vlpose)):
        step = training_step(model, cfg, conditions)
        samples[name] = [_mebibytes(model, step, conditions)]
    title = f'peak memory of a training step, batch {conditions.train_batch_size}'
    yield compare(title, 'MiB', samples)


def _mebibytes(
    model: torch.nn.Module, call: Callable[[], None], conditions: Conditions
) -> float:
    """Measure the peak of calls; those before the last make what later ones keep."""

    def calls() -> None:
        for _ in range(2):
            call()

    return (state_bytes(model) + peak_bytes(calls, conditions.device)) / 2**20
