"""Take turns, and time each turn."""

import time
from collections.abc import Callable, Mapping
from typing import TypeVar

import torch

# Rounds before the first that counts: allocators, caches and compilers settle.
WARM_UP = 2

Call = Callable[[], object]
T = TypeVar('T')


def alternate(
    calls: Mapping[str, Call],
    rounds: int,
    measure: Callable[[Call], T],
    warm_up: int = WARM_UP,
) -> dict[str, list[T]]:
    """Measure calls in turns, so that what slows the machine slows all of them.

    Every other round runs in the opposite order. ``measure`` runs a call and returns its
    cost, such as :func:`stopwatch` does. Return the costs of each call, round by round,
    without the ``warm_up`` rounds.
    """
    costs = {name: [] for name in calls}
    for turn in range(-warm_up, rounds):
        for name in calls if turn % 2 == 0 else reversed(calls):
            cost = measure(calls[name])
            if turn >= 0:
                costs[name].append(cost)
    return costs


def stopwatch(device: torch.device) -> Callable[[Call], float]:
    """Make a clock that runs a call and returns the seconds until its work is done.

    On CUDA it measures by events of the device.
    """
    return _cuda_seconds if device.type == 'cuda' else _seconds


def _seconds(call: Call) -> float:
    """Time a call on the CPU."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _cuda_seconds(call: Call) -> float:
    """Time a call on the GPU, from an idle start until all that it launched has run."""
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    start.record()
    call()
    end.record()
    end.synchronize()
    return start.elapsed_time(end) / 1000
