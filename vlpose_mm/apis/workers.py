"""Run work in processes of its own, in order."""

from __future__ import annotations

import gc
import math
import os
import pickle
import shutil
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from threading import Thread
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

# Tasks that wait for each worker.
PREFETCH = 2
# Where the system has its shared memory, and how many packets have to fit into it.
SHARED_MEMORY = '/dev/shm'
MANY = 32


class Packet(NamedTuple):
    """What a worker returns: its bulk goes through shared memory, in one piece."""

    content: bytes  # Pickled.
    bulk: torch.Tensor | None = None  # uint8, all arrays one after the other.


def available_cpus() -> int:
    """Return the number of CPUs that this process may use."""
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def portable(error: Exception) -> Exception:
    """Return an error that another process can read."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f'{type(error).__name__}: {error}')
    return error


def pack(content: object, arrays: Sequence[np.ndarray] = ()) -> Packet:
    """Pack what can be pickled, and uint8 arrays that :func:`unpack` returns beside it."""
    shapes = [array.shape for array in arrays]
    bulk = torch.empty(sum(array.size for array in arrays), dtype=torch.uint8)
    start = 0
    for array in arrays:
        bulk[start : start + array.size].numpy().reshape(array.shape)[...] = array
        start += array.size
    # Containers may have little of it, and who writes where there is none is killed.
    is_shared = not os.path.isdir(SHARED_MEMORY) or (
        MANY * bulk.nbytes < shutil.disk_usage(SHARED_MEMORY).free
    )
    beside = None if is_shared else bulk.numpy()
    dumped = pickle.dumps((content, shapes, beside), pickle.HIGHEST_PROTOCOL)
    return Packet(dumped, bulk if is_shared and shapes else None)


def unpack(packet: Packet) -> tuple[object, list[np.ndarray]]:
    """Return what was packed; the arrays share their memory."""
    content, shapes, bulk = pickle.loads(packet.content)
    if packet.bulk is not None:
        bulk = packet.bulk.numpy()
    arrays, start = [], 0
    for shape in shapes:
        size = math.prod(shape)
        arrays.append(bulk[start : start + size].reshape(shape))
        start += size
    return content, arrays


def can_fork() -> bool:
    """Return whether processes are forked, and can use a model on the CPU."""
    # Forks of what uses a GPU are not safe, nor are those of macOS's libraries.
    return sys.platform == 'linux' and not torch.cuda.is_initialized()


def run_in_workers(
    tasks: Iterable[object],
    work: Callable[[object], Packet],
    num_workers: int,
    lock: AbstractContextManager | None = None,
) -> Iterator[tuple[object, Packet]]:
    """Start workers; yield each task and what one of them made of it, in order.

    Processes are forked where that is safe, so that they share what is loaded. Otherwise
    they are started by a server that has imported it once, and ``work`` is pickled.

    Args:
        tasks (Iterable): They are sent when they are due, and pickled.
        work (Callable): Does a task.
        num_workers (int): Number of processes.
        lock (AbstractContextManager, optional): Held while processes are forked.

    Raises:
        ChildProcessError: If a worker died.
    """
    sent: deque = deque()

    def send() -> Iterator[object]:
        for task in tasks:
            sent.append(task)
            yield task

    method = 'fork' if can_fork() else 'spawn'
    context = torch.multiprocessing.get_context(method)
    if method == 'spawn' and sys.platform != 'win32':
        context = torch.multiprocessing.get_context('forkserver')
        context.set_forkserver_preload([__name__, 'vlpose_mm.apis.preparer'])
    loader = DataLoader(
        _Work(work),
        sampler=_Tasks(send()),
        batch_size=None,
        num_workers=num_workers,
        collate_fn=_same,
        prefetch_factor=PREFETCH,
        worker_init_fn=_init_worker,
        multiprocessing_context=context,
    )
    results = _start(loader, lock or nullcontext())

    def receive() -> Iterator[tuple[object, Packet]]:
        try:
            for packet in results:
                yield sent.popleft(), packet
        except RuntimeError as error:
            if 'exited unexpectedly' not in str(error):
                raise
            raise ChildProcessError(
                f'A worker process died, perhaps for lack of memory ({error}). What is '
                'done is kept; resume with fewer (num_workers, --num-workers).'
            ) from error
        finally:
            results._shutdown_workers()

    return receive()


def _start(loader: DataLoader, lock: AbstractContextManager) -> Iterator[Packet]:
    """Start the workers.

    In the main thread PyTorch would install a handler that raises the death of a worker
    anywhere in our code. From another one it is raised where a result is awaited.
    """
    started: list[Iterator[Packet] | BaseException] = []

    def start() -> None:
        try:
            with lock:
                started.append(iter(loader))
        except BaseException as error:
            started.append(error)

    # A forked process waits forever for threads that it does not have: those of OpenCV's
    # pool, and of what it would delete, such as a video that is not read to its end.
    threads, collects = cv2.getNumThreads(), gc.isenabled()
    cv2.setNumThreads(0)
    gc.disable()
    starter = Thread(target=start)
    try:
        starter.start()
        starter.join()
    finally:
        cv2.setNumThreads(threads)
        if collects:
            gc.enable()
    if isinstance(started[0], BaseException):
        raise started[0]
    return started[0]


def _init_worker(number: int) -> None:
    # PyTorch sees to its own threads.
    cv2.setNumThreads(0)
    # What was there before is not deleted here.
    gc.freeze()
    gc.enable()


def _same(packet: Packet) -> Packet:
    return packet


class _Tasks(Sampler):
    """Hands tasks to the workers, where a loader expects indices."""

    def __init__(self, tasks: Iterator[object]) -> None:
        self.tasks = tasks

    def __iter__(self) -> Iterator[object]:
        return self.tasks


class _Work(Dataset):
    """Does tasks, where a loader expects to look up indices."""

    def __init__(self, work: Callable[[object], Packet]) -> None:
        self.work = work

    def __getitem__(self, task: object) -> Packet:
        return self.work(task)
