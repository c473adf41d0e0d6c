"""Run images in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
from mmpose.structures import PoseDataSample

from vlpose_mm.apis.inputs import Source
from vlpose_mm.datasets.annotations import Id

# Images wait for a full batch up to so many pixels.
MAX_WAITING_PIXELS = 2**26


class Prepared(NamedTuple):
    """An image that is read and cropped."""

    source: Source  # The image.
    image: np.ndarray  # BGR, H x W x 3.
    image_id: Id | None  # Its id in the file of bboxes.
    packed: list[dict]  # Its crops, as the test pipeline packs them.
    bboxes: np.ndarray  # x1, y1, x2, y2 in pixels of its instances, N x 4.
    empty: PoseDataSample | None = None  # Its sample if there are no crops.
    category_id: Id = 1  # Of people in the file of bboxes.


Predicted = tuple[Prepared, list[PoseDataSample]]


def run_in_batches(
    sources: Iterable[Source],
    prepare: Callable[[Source], Prepared],
    predict: Callable[[list[Prepared]], list[list[PoseDataSample]]],
    batch_size: int,
    on_error: Callable[[Source, Exception], None] | None = None,
) -> Iterator[Predicted]:
    """Run images, reading no further ahead than a batch."""

    def run(batch: list[Prepared]) -> Iterator[Predicted]:
        try:
            samples = predict(batch)
        except Exception as error:
            if len(batch) > 1:
                # One of them is to blame, or together they do not fit into memory.
                for prepared in batch:
                    yield from run([prepared])
            elif on_error is None:
                raise
            else:
                on_error(batch[0].source, error)
            return
        yield from zip(batch, samples, strict=True)

    waiting: list[Prepared] = []
    for source in sources:
        try:
            waiting.append(prepare(source))
        except Exception as error:
            if on_error is None:
                yield from run(waiting)
                raise
            on_error(source, error)
            continue
        pixels = sum(prepared.image.size // 3 for prepared in waiting)
        is_live = source.video is not None and source.video.is_live
        if len(waiting) >= batch_size or pixels > MAX_WAITING_PIXELS or is_live:
            yield from run(waiting)
            waiting = []
    if waiting:
        yield from run(waiting)
