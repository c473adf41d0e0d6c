"""Prediction, per image: stock, original route, tuned route, both in one batch."""

import math
from collections.abc import Callable, Iterator, Mapping

import torch

from projects.benchmark.comparison import compare
from projects.benchmark.conditions import Conditions
from projects.benchmark.model_pair import Pair, build_pair, fresh_compiler
from projects.benchmark.samples import make_batch
from projects.benchmark.timing import alternate, stopwatch
from vlpose_mm.analysis.flops import count_flops
from vlpose_mm.models.peft.lora import MERGE_AFTER

# What is asked of the model: its name, the mode of its forward, with flip test or not.
ASKED = (
    ('heatmaps', 'tensor', False),
    ('predict', 'predict', False),
    ('predict with flip test', 'predict', True),
)


def measure(cfg: Mapping, conditions: Conditions) -> Iterator[dict]:
    """Time predictions.

    Args:
        cfg (Mapping): The config of a VLPose.
        conditions (Conditions): What is measured how.

    Yields:
        dict: A comparison for every batch size and everything asked of the models.
    """
    pair = build_pair(cfg, conditions)
    for size in conditions.batch_sizes:
        for asked, mode, flip in ASKED:
            fresh_compiler(conditions)
            calls = inference_calls(pair, cfg, conditions, size, mode, flip)
            before = calls_before(pair, size)
            flops = {}
            for name, call in calls.items():
                # What is cached between calls does not belong to the floor.
                for _ in range(before):
                    call()
                flops[name] = count_flops(call) // size
            clock = settled(conditions, before)
            seconds = alternate(calls, conditions.rounds, clock, warm_up=1)
            samples = {k: [s / size * 1000 for s in v] for k, v in seconds.items()}
            title = f'{asked}, batch {size}'
            yield compare(title, 'ms per image', samples, flops, per_image=True)


def calls_before(pair: Pair, size: int) -> int:
    """Tell how many batches that are alike make the next one like all that follow.

    Args:
        pair (Pair): The models.
        size (int): Images of a batch.

    Returns:
        int: One fills what is cached; low-rank updates are merged after some more.
    """
    if getattr(pair.vlpose.backbone, 'lora', None) is None:
        return 1
    return math.ceil(MERGE_AFTER / size) + 1


def settled(conditions: Conditions, before: int) -> Callable[[Callable[[], None]], float]:
    """Make a clock for a batch in the middle of many that are alike.

    Args:
        conditions (Conditions): What is measured how.
        before (int): Untimed calls before, as the routes share what the model caches.

    Returns:
        Callable: Runs a call that often and once more, and tells the seconds of the last.
    """
    clock = stopwatch(conditions.device)

    def measure(call: Callable[[], None]) -> float:
        for _ in range(before):
            call()
        return clock(call)

    return measure


def inference_calls(
    pair: Pair,
    cfg: Mapping,
    conditions: Conditions,
    size: int,
    mode: str = 'predict',
    flip: bool = False,
) -> dict[str, Callable[[], None]]:
    """Make the calls that predict a batch.

    Args:
        pair (Pair): The models.
        cfg (Mapping): Their config.
        conditions (Conditions): What is measured how.
        size (int): How many images.
        mode (str): ``'tensor'``: heatmaps alone; ``'predict'``: keypoints.
        flip (bool): Whether with flip test.

    Returns:
        dict[str, Callable]: ``stock`` and each route; samples of a batch are told different
        text prompts. ``one text_prompt`` tells all of them the same, for models that do less
        then, and ``mixed`` sends every second image the original way; neither is in
        batches of one.
    """
    batch = pair.stock.data_preprocessor(make_batch(cfg, size), training=False)
    halves = make_batch(cfg, size, every_second=dict(route='original'))
    halves = pair.stock.data_preprocessor(halves, training=False)

    def make(model: torch.nn.Module, batch: dict, route: str | None) -> Callable[[], None]:
        def call() -> None:
            if route is not None:
                model.set_route(route)
            model.test_cfg['flip_test'] = flip
            with torch.no_grad(), conditions.autocast():
                model(**batch, mode=mode)

        return call

    calls = dict(
        stock=make(pair.stock, batch, None),
        original=make(pair.vlpose, batch, 'original'),
        tuned=make(pair.vlpose, batch, 'tuned'),
    )
    if size > 1 and getattr(pair.vlpose.backbone, 'lora', None) is not None:
        alike = pair.stock.data_preprocessor(make_batch(cfg, size), training=False)
        for sample in alike['data_samples']:
            prompt = alike['data_samples'][0].text_prompt
            sample.set_metainfo(dict(text_prompt=prompt))
        calls['one text prompt'] = make(pair.vlpose, alike, 'tuned')
    if size > 1:
        calls['mixed'] = make(pair.vlpose, halves, 'auto')
    return calls
