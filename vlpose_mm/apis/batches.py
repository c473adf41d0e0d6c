"""Run images in batches; one that fails is reported and passed over."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
from mmengine.logging import print_log
from mmpose.structures import PoseDataSample

from vlpose_mm.apis.bboxes import People
from vlpose_mm.apis.inputs import Source
from vlpose_mm.apis.printable import printable
from vlpose_mm.apis.results import Failure, PoseResult

# Images wait for a full batch up to so many pixels.
MAX_WAITING_PIXELS = 2**26


class Prepared(NamedTuple):
    """An image on its way through the model.

    Attributes:
        source (Source): Where it is from.
        image (np.ndarray): BGR, H x W x 3.
        image_id (int, optional): Its number in the file of boxes.
        people (People): Its people.
        packed (list[dict]): Crops of its people, as the pipeline packs them.
        samples (list[PoseDataSample]): What the model makes of them.
    """

    source: Source
    image: np.ndarray
    image_id: int | None
    people: People
    packed: list[dict]
    samples: list[PoseDataSample]


def run_in_batches(
    sources: Iterable[Source],
    prepare: Callable[[Source], Prepared],
    predict: Callable[[list[Prepared]], None],
    result: Callable[[Prepared], PoseResult],
    batch_size: int,
    failures: list[Failure],
) -> Iterator[PoseResult]:
    """Run images, reading no further ahead than a batch needs.

    Args:
        sources (Iterable[Source]): The images.
        prepare (Callable): Reads one and crops its people.
        predict (Callable): Fills in the samples of several.
        result (Callable): Makes one's result of its samples.
        batch_size (int): How many people make a batch.
        failures (list[Failure]): Where to add what fails.

    Yields:
        PoseResult: Of every image that could be done, in order.
    """

    def fail(source: Source, error: Exception) -> None:
        reason = ' '.join(str(error).split())
        if not isinstance(error, OSError | ValueError):
            reason = f'{type(error).__name__}: {reason}'
        failures.append(Failure(printable(source.name), printable(reason)))
        warn(f'{failures[-1].name} is passed over: {failures[-1].reason}')

    def results(waiting: list[Prepared]) -> Iterator[PoseResult]:
        try:
            predict(waiting)
        except Exception as error:
            if len(waiting) == 1:
                fail(waiting[0].source, error)
                return
            # One of them is to blame; the others shall not suffer.
            for prepared in waiting:
                prepared.samples.clear()
                yield from results([prepared])
            return
        yield from map(result, waiting)

    waiting: list[Prepared] = []
    for source in sources:
        try:
            waiting.append(prepare(source))
        except Exception as error:
            fail(source, error)
            continue
        people = sum(len(prepared.packed) for prepared in waiting)
        pixels = sum(prepared.image.size // 3 for prepared in waiting)
        live = source.video is not None and source.video.live
        # Images without people fill no batch, but shall not wait for ever.
        full = people >= batch_size or len(waiting) >= 4 * batch_size
        if full or pixels > MAX_WAITING_PIXELS or live:
            yield from results(waiting)
            waiting = []
    if waiting:
        yield from results(waiting)


def warn(text: str) -> None:
    """Log a warning.

    Args:
        text (str): What to say.
    """
    print_log(text, logger='current', level=logging.WARNING)
