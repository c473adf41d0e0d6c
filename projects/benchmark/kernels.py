"""What a call launches on the device."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode


class Launched(NamedTuple):
    """What a call launched.

    Attributes:
        kernels (int): On CUDA kernels and copies, on the CPU operations without views.
        seconds (float | None): How long the device was busy with them; ``None`` on the CPU.
        waits (list[str]): Where the call waited for the device, as ``file.py:line``; on the
            CPU none.
    """

    kernels: int
    seconds: float | None = None
    waits: list[str] = []


def launched_by(call: Callable[[], object], device: torch.device) -> Launched:
    """Run a call, on CUDA twice, and count what it launches."""
    if device.type != 'cuda':
        with _Operations() as operations:
            call()
        return Launched(operations.count)
    with profile(activities=[ProfilerActivity.CUDA]) as record:
        call()
        torch.cuda.synchronize()
    events = [
        event
        for event in record.profiler.kineto_results.events()
        # The others are the host's, and the names of parts of the program.
        if event.device_type() == DeviceType.CUDA and not event.name().startswith('Optimi')
    ]
    seconds = sum(event.duration_ns() for event in events) / 1e9
    return Launched(len(events), seconds, _waits_of(call))


def _waits_of(call: Callable[[], object]) -> list[str]:
    """Run a call, and list where it waits for the device."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        torch.cuda.set_sync_debug_mode('warn')
        try:
            call()
        finally:
            torch.cuda.set_sync_debug_mode('default')
    return [
        f'{Path(one.filename).name}:{one.lineno}'
        for one in caught
        if 'synchronizing' in str(one.message)
    ]


class _Operations(TorchDispatchMode):
    """Counts operations without views of tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        # A view that does not pass for one; linear layers take it in torch 2.15.
        if not (func.is_view or func is torch.ops.aten._unsafe_view.default):
            self.count += 1
        return func(*args, **(kwargs or {}))
