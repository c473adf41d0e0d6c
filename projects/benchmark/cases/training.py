"""A step of tuning beside one of training the whole base model."""

from collections.abc import Callable, Iterator, Mapping

import torch

from projects.benchmark.comparison import compare
from projects.benchmark.conditions import Conditions
from projects.benchmark.model_pair import build_optimizer, build_pair, fresh_compiler
from projects.benchmark.samples import make_batch
from projects.benchmark.timing import alternate, stopwatch
from vlpose_mm.analysis.flops import count_flops
from vlpose_mm.datasets import RandomTextPrompt


def measure(cfg: Mapping, conditions: Conditions) -> Iterator[dict]:
    """Time steps: loss, backward, clipping of gradients, optimizer."""
    pair = build_pair(cfg, conditions)
    fresh_compiler(conditions)
    size = conditions.train_batch_size
    calls = {
        'full fine-tuning': training_step(pair.base, cfg, conditions),
        'tuning': training_step(pair.vlpose, cfg, conditions),
    }
    for call in calls.values():
        call()
    flops = {name: count_flops(call) // size for name, call in calls.items()}
    seconds = alternate(calls, conditions.rounds, stopwatch(conditions.device))
    samples = {name: [s / size * 1000 for s in v] for name, v in seconds.items()}
    title = f'training step, batch {size}'
    yield compare(title, 'ms per image', samples, flops, per_image=True)


def training_step(
    model: torch.nn.Module,
    cfg: Mapping,
    conditions: Conditions,
    words: RandomTextPrompt | None = None,
) -> Callable[[], None]:
    """Make the call that trains a model by a step, as a runner does, without accuracy.

    With ``words`` each step draws new text prompts for the batch.
    """
    optimizer = build_optimizer(model, cfg)
    batch = make_batch(cfg, conditions.train_batch_size)
    model.train()
    # MMPose computes it in every step, on the CPU, and a VLPose seldom.
    model.train_cfg = {**(model.train_cfg or {}), 'compute_acc': False}

    def step() -> None:
        for sample in batch['data_samples'] if words else []:
            drawn = words(dict(category=sample.scenario or ''))
            sample.set_metainfo(dict(text_prompt=drawn['text_prompt']))
        # The model's train_step has no place for autocast, and MMEngine's optimizer with
        # it wants a GPU.
        with optimizer.optim_context(model):
            data = model.data_preprocessor(batch, True)
            with conditions.autocast():
                losses = model(**data, mode='loss')
        optimizer.update_params(model.parse_losses(losses)[0])

    return step
