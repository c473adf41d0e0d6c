"""The stages of a run: read, detect and crop, predict, make results; in workers or here."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain, groupby, islice
from typing import NamedTuple

import numpy as np
import torch
from mmpose.structures import PoseDataSample
from rich.console import Console
from rich.progress import track

from vlpose_mm.apis.batches import Finish, Prepared, run_in_batches
from vlpose_mm.apis.call import Call
from vlpose_mm.apis.inputs import Item, Source
from vlpose_mm.apis.predictor import Predictor
from vlpose_mm.apis.preparer import Preparer
from vlpose_mm.apis.workers import (
    Packet,
    available_cpus,
    can_fork,
    pack,
    portable,
    run_in_workers,
    unpack,
)

# What a worker prepares at once: up to so many images and about so many pixels.
UNIT = 8
UNIT_PIXELS = 2**22

# Workers start in a tenth of a second where they are forked, else in ten.
IMAGES_PER_WORKER = 16
IMAGES_PER_SLOW_WORKER = 512
# More read faster than one process can take.
MAX_READERS = 16

OnError = Callable[[Source, Exception], None] | None
# The image, unless a worker has it, and its result.
Done = tuple[np.ndarray | None, dict]


def default_num_workers(num_images: int, on_gpu: bool) -> int:
    """Return how many workers help with so many images."""
    cpus = available_cpus()
    if on_gpu:
        return min(cpus - 1, MAX_READERS, num_images // IMAGES_PER_SLOW_WORKER)
    found = min(cpus, num_images // IMAGES_PER_WORKER)
    # A single one has one core, and this process has them all.
    return found if can_fork() and found > 1 else 0


class Stages(NamedTuple):
    """What is done with the images of a call."""

    predictor: Predictor
    call: Call
    #: Arguments of :meth:`Predictor.launch`.
    forward: dict
    #: Makes the result of an image.
    finish: Callable[[Prepared, list[PoseDataSample]], dict]
    batch_size: int
    num_workers: int
    #: Whether this process needs images.
    needs_images: bool
    #: Called with an image and its result where it need not leave a worker.
    in_worker: Callable[[np.ndarray, dict], None] | None = None

    def run(
        self, items: list[Item], on_error: OnError, show_progress: bool
    ) -> Iterator[Done]:
        """Yield each image and its result, in order.

        On a CPU each worker runs everything, on one core. Where the model is on a GPU, or
        images are shown, workers read and crop. A video has one reader, in this process.
        """
        counts = [item.count() for item in items] if show_progress else [None]
        sources = track(
            chain.from_iterable(self.predictor.sources(item, self.call) for item in items),
            'Inference',
            total=None if None in counts else sum(counts),
            console=Console(stderr=True),
            disable=not show_progress,
        )
        is_ahead = self.predictor.device.type == 'cuda'
        is_shared = can_fork() and not is_ahead
        is_mixed = any(item.is_video for item in items)
        with self.predictor.merged(self.call, items, self.forward):
            for is_video, own in groupby(sources, lambda each: each.video is not None):
                is_here = is_video or not self.num_workers
                if is_mixed and not is_here:
                    # Of images between videos a batch is too little to start workers for.
                    first = list(islice(own, self.batch_size + 1))
                    is_here = len(first) <= self.batch_size
                    own = chain(first, own)
                if is_here:
                    stream = ((each, self._attempt(each)) for each in own)
                    yield from self._run_here(stream, on_error, is_ahead)
                elif is_shared and (self.in_worker or not self.needs_images):
                    yield from self._run_in_workers(own, on_error)
                else:
                    yield from self._run_here(self._prepared(own), on_error, is_ahead)

    def _run_here(
        self,
        stream: Iterable[tuple[Source, Prepared | Exception]],
        on_error: OnError,
        is_ahead: bool,
    ) -> Iterator[Done]:
        """Predict in this process."""
        args = stream, self._launch, self.batch_size, on_error, is_ahead
        for prepared, samples in run_in_batches(*args):
            yield prepared.image, self.finish(prepared, samples)

    def _launch(self, batch: list[Prepared]) -> Finish:
        return self.predictor.launch(batch, self.call, **self.forward)

    def _attempt(self, source: Source) -> Prepared | Exception:
        return attempt(self.predictor.preparer, self.call, source)

    def _prepared(
        self, sources: Iterator[Source]
    ) -> Iterator[tuple[Source, Prepared | Exception]]:
        """Read and crop in workers."""
        preparer = self.predictor.preparer
        unit = 1

        def units() -> Iterator[list[Source]]:
            while own := list(islice(sources, unit)):
                yield own

        # The items of a large collection would be sent to each worker.
        args = preparer, self.call._replace(items=[]), self.needs_images
        work = partial(prepare_unit, *args)
        for own, packet in run_in_workers(units(), work, self.num_workers):
            prepared = list(unpack_unit(packet, own, self.needs_images))
            yield from prepared
            shapes = [each.shape for _, each in prepared if isinstance(each, Prepared)]
            if shapes:
                pixels = np.mean([height * width for height, width in shapes])
                unit = int(np.clip(UNIT_PIXELS / pixels, 1, UNIT))

    def _run_in_workers(
        self, sources: Iterator[Source], on_error: OnError
    ) -> Iterator[Done]:
        """Run everything in workers, batch by batch."""

        def batches() -> Iterator[list[Source]]:
            while own := list(islice(sources, self.batch_size)):
                yield own

        args = batches(), _Whole(self), self.num_workers, self.predictor.lock
        for own, packet in run_in_workers(*args):
            for source, outcome in zip(own, unpack(packet)[0], strict=True):
                if outcome.error is None:
                    yield None, outcome.result
                elif on_error is None or outcome.is_fatal:
                    raise outcome.error
                else:
                    on_error(source, outcome.error)


class _Outcome(NamedTuple):
    """What a worker made of an image."""

    result: dict | None = None
    error: Exception | None = None
    is_fatal: bool = False  # Whether not the image is to blame.


class _Whole:
    """Runs everything on a batch, in a worker that was forked."""

    def __init__(self, stages: Stages) -> None:
        self.stages = stages
        self.pid = os.getpid()
        # Autocast is of a thread, and another one forks.
        self.is_autocast = torch.is_autocast_enabled('cpu')
        self.dtype = torch.get_autocast_dtype('cpu')

    def __call__(self, sources: list[Source]) -> Packet:
        stages = self.stages
        if self.pid != os.getpid():
            self.pid = os.getpid()
            stages.predictor.renew_locks()
        rows = {id(source): row for row, source in enumerate(sources)}
        outcomes: list = [None] * len(sources)

        def fail(source: Source, error: Exception, is_fatal: bool = False) -> None:
            outcomes[rows[id(source)]] = _Outcome(None, portable(error), is_fatal)

        stream = ((each, stages._attempt(each)) for each in sources)
        args = stream, stages._launch, stages.batch_size, fail
        with torch.autocast('cpu', self.dtype, enabled=self.is_autocast):
            for prepared, samples in run_in_batches(*args):
                try:
                    result = stages.finish(prepared, samples)
                    if stages.in_worker is not None:
                        stages.in_worker(prepared.image, result)
                    outcomes[rows[id(prepared.source)]] = _Outcome(result)
                except Exception as error:
                    fail(prepared.source, error, is_fatal=True)
        return pack(outcomes)


def attempt(preparer: Preparer, call: Call, source: Source) -> Prepared | Exception:
    """Prepare an image, or return the error."""
    try:
        return preparer.prepare(source, call)
    except Exception as error:
        return error


def prepare_unit(
    preparer: Preparer, call: Call, needs_images: bool, sources: list[Source]
) -> Packet:
    """Prepare images in a worker."""
    prepared, arrays = [], []
    for source in sources:
        each = attempt(preparer, call, source)
        if isinstance(each, Exception):
            prepared.append(portable(each))
            continue
        packed = each.packed
        if needs_images or packed is None:
            arrays.append(each.image)
        if packed is not None and all(c['inputs'].dtype == torch.uint8 for c in packed):
            arrays += [crop['inputs'].numpy() for crop in packed]
            packed = [{**crop, 'inputs': None} for crop in packed]
        # This process has the source.
        prepared.append(each._replace(source=None, image=None, packed=packed))
    return pack(prepared, arrays)


def unpack_unit(
    packet: Packet, sources: list[Source], needs_images: bool
) -> Iterator[tuple[Source, Prepared | Exception]]:
    """Return what :func:`prepare_unit` made of images."""
    prepared, arrays = unpack(packet)
    left = iter(arrays)
    for source, each in zip(sources, prepared, strict=True):
        if not isinstance(each, Exception):
            if needs_images or each.packed is None:
                each = each._replace(image=next(left))
            for crop in each.packed or ():
                if crop['inputs'] is None:
                    crop['inputs'] = torch.from_numpy(next(left))
            each = each._replace(source=source)
        yield source, each
