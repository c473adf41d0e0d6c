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
    """An image that is read and, once its bboxes are known, cropped."""

    source: Source  # The image.
    image: np.ndarray | None  # BGR, H x W x 3; None where nothing needs it any more.
    shape: tuple[int, int]  # Height and width of the image.
    text: dict  # What is said of it.
    image_id: Id | None = None  # Its id in the file of bboxes.
    category_id: Id = 1  # Of people in the file of bboxes.
    bboxes: np.ndarray | None = None  # x1, y1, x2, y2 in pixels of its instances, N x 4.
    packed: list[dict] | None = None  # Its crops, as the test pipeline packs them.
    empty: PoseDataSample | None = None  # Its sample if there are no crops.


Predicted = tuple[Prepared, list[PoseDataSample]]
# Returns the samples of each image, which may still be computed.
Finish = Callable[[], list[list[PoseDataSample]]]


def run_in_batches(
    stream: Iterable[tuple[Source, Prepared | Exception]],
    predict: Callable[[list[Prepared]], Finish],
    batch_size: int,
    on_error: Callable[[Source, Exception], None] | None = None,
    is_ahead: bool = False,
) -> Iterator[Predicted]:
    """Run images in batches of as many neighbors in the stream.

    Which images share a batch depends on nothing else: one that failed leaves its place.

    Args:
        stream (Iterable): Images, and what was made of them or the error.
        predict (Callable): Runs a batch.
        batch_size (int): Images of a batch.
        on_error (Callable, optional): Called with images that fail; by default the first
            one ends the run, after what came before.
        is_ahead (bool): Whether a batch is begun before the one before is finished, which
            keeps a GPU busy.
    """

    def begin(batch: list[Prepared]) -> tuple[list[Prepared], Finish]:
        try:
            return batch, predict(batch)
        except Exception as error:
            # Due when it is finished.
            return batch, _failing(error)

    def finish(batch: list[Prepared], end: Finish) -> Iterator[Predicted]:
        try:
            samples = end()
        except Exception as error:
            if len(batch) > 1:
                # One of them is to blame, or together they do not fit into memory.
                for prepared in batch:
                    yield from finish(*begin([prepared]))
            elif on_error is None:
                raise
            else:
                on_error(batch[0].source, error)
            return
        yield from zip(batch, samples, strict=True)

    def batches() -> Iterator[list[Prepared] | Exception]:
        waiting: list[Prepared] = []
        pixels = 0
        for number, (source, prepared) in enumerate(stream, 1):
            if not isinstance(prepared, Exception):
                waiting.append(prepared)
                pixels += prepared.shape[0] * prepared.shape[1]
            elif on_error is not None:
                on_error(source, prepared)
            else:
                yield from (waiting, prepared)
            is_live = source.video is not None and source.video.is_live
            if number % batch_size == 0 or pixels > MAX_WAITING_PIXELS or is_live:
                yield waiting
                waiting, pixels = [], 0
        yield waiting

    begun: list[tuple[list[Prepared], Finish]] = []
    for batch in batches():
        if isinstance(batch, Exception):
            if begun:
                yield from finish(*begun.pop())
            raise batch
        if not batch:
            continue
        begun.append(begin(batch))
        if len(begun) > is_ahead:
            yield from finish(*begun.pop(0))
    if begun:
        yield from finish(*begun.pop())


def _failing(error: Exception) -> Finish:
    def fail() -> list[list[PoseDataSample]]:
        raise error

    return fail
