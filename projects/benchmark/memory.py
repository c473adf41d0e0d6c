"""What memory a model takes."""

from collections.abc import Callable

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile


def state_bytes(*modules: nn.Module) -> int:
    """Count the bytes of parameters and buffers, of shared tensors once."""
    tensors = {
        id(tensor): tensor.nbytes
        for module in modules
        for tensors in (module.parameters(), module.buffers())
        for tensor in tensors
    }
    return sum(tensors.values())


def peak_bytes(call: Callable[[], object], device: torch.device) -> int:
    """Measure how much of the memory that a call asks for it takes at most at once.

    What tensors took before is not counted, even if the call frees it. It is exact on the
    CPU, where every allocation of PyTorch's is recorded; on a GPU it is what its allocator
    reports.
    """
    if device.type == 'cuda':
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        call()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        call()
    events = record.profiler.kineto_results.events()
    changes = [(e.start_ns(), e.nbytes()) for e in events if e.name() == '[memory]']
    taken = peak = 0
    for _, change in sorted(changes, key=lambda item: item[0]):
        taken += change
        peak = max(peak, taken)
    return peak
