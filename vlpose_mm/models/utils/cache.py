"""What follows from weights alone, computed once and not for every batch."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class WeightCache(nn.Module):
    """Keeps what is computed from some tensors, at inference, until they change.

    A change is noticed by the version that PyTorch counts for each tensor. It counts
    neither what is written through ``.data``, as averaged weights are in MMEngine, nor
    the steps of fused optimizers; so, as a child of the module that it serves, it also
    forgets whenever that is switched to training or evaluation, moved or converted.

    In training, where a gradient is wanted, and in compiled code nothing is cached.
    Neither is it saved, copied or pickled. Whoever writes through ``.data`` while
    predicting has to call ``eval()`` afterwards. What :func:`held` holds is given out
    whatever the sources are.
    """

    def __init__(self) -> None:
        super().__init__()
        self._is_held = False
        self.forget()

    def forget(self) -> None:
        """Drop what is cached."""
        self._kept: tuple[list[tuple], Any] | None = None

    def recall(self, sources: Sequence[Tensor], compute: Callable[[], Any]) -> Any:
        """Compute or recall.

        Args:
            sources (Sequence[Tensor]): What the value depends on.
            compute (Callable): Computes it; takes no arguments.

        Returns:
            Any: What ``compute`` returned for these sources.
        """
        if self._is_held and self._kept is not None:
            return self._kept[1]
        # Checkpointed activations are computed without gradients, in training.
        if self.training or torch.is_grad_enabled() or torch.compiler.is_compiling():
            return compute()
        key = [_state(source) for source in sources]
        kept = self._kept
        # The tensors themselves are in the key, so that no other can lie where one was.
        if kept is None or not _same(key, kept[0]):
            kept = self._kept = key, compute()
        return kept[1]

    def train(self, mode: bool = True) -> 'WeightCache':
        """Set the training mode, and forget."""
        self.forget()
        return super().train(mode)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> nn.Module:
        """Follow a move or conversion, and forget."""
        self.forget()
        return super()._apply(fn, recurse)

    def __getstate__(self) -> dict:
        """Leave away what is cached."""
        return {**self.__dict__, '_kept': None}


@contextmanager
def held(model: nn.Module) -> Iterator[None]:
    """Make constants of what a model caches by now, inside a ``with`` block.

    Where a model is traced, its weights are others than those of the last batch.

    Args:
        model (nn.Module): The model.
    """
    parts = [part for part in model.modules() if isinstance(part, WeightCache)]
    try:
        for part in parts:
            part._is_held = True
        yield
    finally:
        for part in parts:
            part._is_held = False


def _state(tensor: Tensor) -> tuple:
    """Tell a tensor with its present numbers from any other."""
    device = tensor.device.type
    autocast = torch.get_autocast_dtype(device) if is_autocast(device) else None
    version = None if tensor.is_inference() else tensor._version
    return tensor, version, tensor.data_ptr() if not tensor.is_meta else 0, autocast


def is_autocast(device: str) -> bool:
    """Tell whether autocast is on for a kind of device.

    Args:
        device (str): Its ``type``; some, such as ``'meta'``, have no autocast.

    Returns:
        bool: Whether it is on.
    """
    return torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)


def _same(key: list[tuple], other: list[tuple]) -> bool:
    """Whether two keys are of the same tensors in the same state."""
    return len(key) == len(other) and all(
        a is b and rest == others
        for (a, *rest), (b, *others) in zip(key, other, strict=True)
    )
