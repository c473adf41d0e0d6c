"""Prediction, per image: base, original route, tuned route, both in one batch."""

from collections.abc import Callable, Iterator, Mapping

import torch

from projects.benchmark.comparison import compare
from projects.benchmark.conditions import Conditions
from projects.benchmark.model_pair import ModelPair, build_pair, fresh_compiler
from projects.benchmark.samples import make_batch
from projects.benchmark.timing import alternate, stopwatch
from vlpose_mm.analysis.flops import count_flops

# What is predicted: its name, the mode of the model's forward, whether with flip test.
OUTPUTS = (
    ('heatmaps', 'tensor', False),
    ('predict', 'predict', False),
    ('predict with flip test', 'predict', True),
)


def measure(cfg: Mapping, conditions: Conditions) -> Iterator[dict]:
    """Time predictions, and yield a comparison for each batch size and output."""
    pair = build_pair(cfg, conditions)
    for size in conditions.batch_sizes:
        for output, mode, flip in OUTPUTS:
            fresh_compiler(conditions)
            calls = inference_calls(pair, cfg, conditions, size, mode, flip)
            flops = {}
            for name, call in calls.items():
                # What is cached between calls does not belong to the floor.
                call()
                flops[name] = count_flops(call) // size
            clock = settled(conditions)
            seconds = alternate(calls, conditions.rounds, clock, warm_up=1)
            samples = {k: [s / size * 1000 for s in v] for k, v in seconds.items()}
            title = f'{output}, batch {size}'
            yield compare(title, 'ms per image', samples, flops, per_image=True)


def settled(conditions: Conditions) -> Callable[[Callable[[], None]], float]:
    """Make a clock that runs a call twice and returns the seconds of the second time.

    The routes share what the model caches, so the first call would pay for it.
    """
    clock = stopwatch(conditions.device)

    def measure(call: Callable[[], None]) -> float:
        call()
        return clock(call)

    return measure


def inference_calls(
    pair: ModelPair,
    cfg: Mapping,
    conditions: Conditions,
    size: int,
    mode: str = 'predict',
    flip: bool = False,
) -> dict[str, Callable[[], None]]:
    """Make the calls that predict a batch.

    The mode is ``'tensor'`` (only heatmaps) or ``'predict'`` (keypoints). The calls are
    ``base`` and each route, on samples with different text prompts; ``one text prompt``, on
    samples that have the same, for models that merge their low-rank updates then;
    ``mixed``, where every second sample takes the original route. The last two need more
    than one image.
    """
    batch = pair.base.data_preprocessor(make_batch(cfg, size), training=False)
    halves = make_batch(cfg, size, every_second=dict(route='original'))
    halves = pair.base.data_preprocessor(halves, training=False)

    mergeable = getattr(pair.vlpose.backbone, 'lora', None) is not None
    can_merge = mergeable and not conditions.compiled

    def make(
        model: torch.nn.Module, batch: dict, route: str | None, alike: bool = False
    ) -> Callable[[], None]:
        def call() -> None:
            if route is not None:
                model.set_route(route)
            model.test_cfg['flip_test'] = flip
            with torch.no_grad(), conditions.autocast():
                if alike and can_merge:
                    model.merge_adapter(batch['data_samples'][0].text_prompt)
                model(**batch, mode=mode)

        return call

    calls = dict(
        base=make(pair.base, batch, None),
        original=make(pair.vlpose, batch, 'original'),
        tuned=make(pair.vlpose, batch, 'tuned', alike=size == 1),
    )
    if size > 1 and mergeable:
        alike = pair.base.data_preprocessor(make_batch(cfg, size), training=False)
        for sample in alike['data_samples']:
            prompt = alike['data_samples'][0].text_prompt
            sample.set_metainfo(dict(text_prompt=prompt))
        calls['one text prompt'] = make(pair.vlpose, alike, 'tuned', alike=True)
    if size > 1:
        calls['mixed'] = make(pair.vlpose, halves, 'auto')
    return calls
