"""Values that follow from weights alone, computed once instead of per batch."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class WeightCache(nn.Module):
    """Cache, at inference, a value computed from some tensors until they change.

    A change is noticed by PyTorch's version counter of each tensor. The counter misses
    writes through ``.data`` (MMEngine's averaged weights) and fused optimizers, so the
    cache, a child of the module it serves, also clears whenever that is switched to
    training or evaluation, moved or converted. Code that writes through ``.data`` while
    predicting must call ``eval()`` afterwards.

    In training and with gradients enabled, only what follows from frozen tensors alone is
    cached, and in compiled code nothing. The value is not saved, copied or pickled.
    """

    def __init__(self) -> None:
        super().__init__()
        self._frozen = False
        self.clear()

    def clear(self) -> None:
        """Drop the cached value."""
        self._cached: tuple[list[tuple], Any] | None = None

    def get(self, sources: Sequence[Tensor], compute: Callable[[], Any]) -> Any:
        """Return what ``compute`` returned for these sources, or compute it."""
        if self._frozen and self._cached is not None:
            return self._cached[1]
        if torch.compiler.is_compiling():
            return compute()
        # Checkpointed activations are computed without gradients, in training.
        if self.training or torch.is_grad_enabled():
            if any(source.requires_grad for source in sources):
                return compute()
        # The key holds the tensors, so that none can be allocated at the same address.
        key = [_autocast_dtype(sources), *map(_state, sources)]
        if self._cached is None or not _same(key, self._cached[0]):
            # What is made in inference mode could not serve training; leaving that mode
            # switches gradients on.
            with torch.inference_mode(False), torch.no_grad():
                self._cached = key, compute()
        return self._cached[1]

    def train(self, mode: bool = True) -> 'WeightCache':
        """Set the training mode and clear."""
        self.clear()
        return super().train(mode)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> nn.Module:
        self.clear()
        return super()._apply(fn, recurse)

    def __getstate__(self) -> dict:
        """Omit the cached value."""
        return {**self.__dict__, '_cached': None}


@contextmanager
def freeze_caches(model: nn.Module) -> Iterator[None]:
    """Let a model return what it has cached, whatever the sources.

    A traced model has other tensors for weights than the last batch had.
    """
    caches = [part for part in model.modules() if isinstance(part, WeightCache)]
    try:
        for cache in caches:
            cache._frozen = True
        yield
    finally:
        for cache in caches:
            cache._frozen = False


def is_autocast(device: str) -> bool:
    """Return whether autocast is on for a device type (``'meta'`` has no autocast)."""
    return torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)


def _autocast_dtype(sources: Sequence[Tensor]) -> torch.dtype | None:
    """Return what autocast computes in where the tensors are, if it is on."""
    device = sources[0].device.type
    return torch.get_autocast_dtype(device) if is_autocast(device) else None


def _state(tensor: Tensor) -> tuple:
    """Identify a tensor together with its present values."""
    version = None if tensor.is_inference() else tensor._version
    return tensor, version, tensor.data_ptr() if not tensor.is_meta else 0


def _same(key: list, other: list) -> bool:
    """Whether two keys are of the same tensors in the same state."""
    return (
        len(key) == len(other)
        and key[0] == other[0]
        and all(
            a[0] is b[0] and a[1:] == b[1:] for a, b in zip(key[1:], other[1:], strict=True)
        )
    )
