"""Do what a run leaves behind in a thread of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from queue import Queue
from threading import Thread
from typing import NamedTuple

import numpy as np

from vlpose_mm.apis.batches import MAX_WAITING_PIXELS

# What a result without its image counts as, and the least that one with it does.
NO_IMAGE, SMALL_IMAGE = 2**20, 2**16


class _Job(NamedTuple):
    """An image, perhaps, and its result."""

    image: np.ndarray | None
    result: dict

    @property
    def pixels(self) -> int:
        return NO_IMAGE if self.image is None else max(self.image.size // 3, SMALL_IMAGE)


class _PixelQueue(Queue):
    """A queue that is full of so many pixels."""

    def _init(self, maxsize: int) -> None:
        self.queue: deque[_Job | None] = deque()
        self.pixels = 0

    def _qsize(self) -> int:
        # The end of all jobs counts as one.
        return self.pixels

    def _put(self, job: _Job | None) -> None:
        self.queue.append(job)
        self.pixels += 1 if job is None else job.pixels

    def _get(self) -> _Job | None:
        job = self.queue.popleft()
        self.pixels -= 1 if job is None else job.pixels
        return job


class Background:
    """Calls ``work`` in another thread, in order.

    Use it in a ``with`` block, which ends when all is done. An error ends the work, and is
    raised when something is added or in the end.

    Args:
        work (Callable): Called with an image, or ``None``, and its result.
    """

    def __init__(self, work: Callable[[np.ndarray | None, dict], None]) -> None:
        self._work = work
        self._jobs = _PixelQueue(MAX_WAITING_PIXELS)
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, daemon=True)

    def __enter__(self) -> Background:
        self._thread.start()
        return self

    def __exit__(self, kind: type | None, *args: object) -> None:
        self._jobs.put(None)
        self._thread.join()
        if kind is None:
            self._raise()

    def add(self, image: np.ndarray | None, result: dict) -> None:
        """Wait until there is room, and leave a job."""
        self._raise()
        self._jobs.put(_Job(image, result))

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            # After an error who adds must not wait for room.
            if self._error is None:
                try:
                    self._work(*job)
                except BaseException as error:
                    self._error = error

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error
