"""The names that a checkpoint of MMEngine may use, and harmless stand-ins for them.

Part of the patch in ``checkpoints``. The true ``getattr`` reaches anything, and numpy
trusts the state of a pickled dtype (flags that turn numbers into object pointers), so a
pickle never gets to call either: the stand-ins take what MMEngine writes and refuse the
rest.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.optim import OneCycleParamScheduler


class ForbiddenError(Exception):
    """What a stand-in raises; its message is the forbidden name."""


class _DType:
    """Stands in for ``numpy.dtype``: plain numbers and strings only."""

    def __init__(self, spec: str, align: bool = False, copy: bool = True) -> None:
        self.spec, self.order = spec, '='
        self.real()

    def __setstate__(self, state: tuple) -> None:
        # Only the byte order counts: the rest follows from the specification.
        self.order = state[1]
        self.real()

    def real(self) -> np.dtype:
        spec, order = self.spec, self.order
        if type(spec) is not str or not re.fullmatch(r'[biufcSU]\d{1,9}', spec):
            raise ForbiddenError(f'numpy.dtype({spec!r:.80})')
        if type(order) is not str or order not in ('<', '>', '|', '='):
            raise ForbiddenError(f'numpy.dtype.__setstate__({order!r:.80})')
        return np.dtype(spec).newbyteorder(order)

    def read(self, shape: tuple, order: str, data: bytes) -> np.ndarray:
        return np.ndarray(shape, self.real(), data, order=order).copy(order)


class _Array:
    """Stands in for ``numpy.ndarray`` until the whole checkpoint is read."""

    def __setstate__(self, state: tuple) -> None:
        _, shape, dtype, fortran, data = state
        if type(dtype) is not _DType or type(data) is not bytes:
            raise ForbiddenError('numpy.ndarray.__setstate__')
        self.value = dtype.read(shape, 'F' if fortran else 'C', data)


def _reconstruct(cls: type, shape: tuple, typecode: bytes) -> _Array:
    """Stand in for numpy's function of this name."""
    if cls is not _Array:
        raise ForbiddenError('numpy.core.multiarray._reconstruct')
    return _Array()


def _scalar(dtype: _DType, data: bytes = b'') -> np.generic:
    """Stand in for ``numpy.core.multiarray.scalar``."""
    if type(dtype) is not _DType or type(data) is not bytes:
        raise ForbiddenError('numpy.core.multiarray.scalar')
    return dtype.read((), 'C', data)[()]


def _bytes() -> bytes:
    """Stand in for ``bytes``, which protocol 2 calls for the data of an empty array."""
    return b''


class _History(HistoryBuffer):
    """Stands in for ``HistoryBuffer``, whose own state would alter the class itself."""

    def __init__(self) -> None:
        """Accept no arguments, as pickle gives none."""

    def __setstate__(self, state: dict) -> None:
        logs, counts = state['_log_history'], state['_count_history']
        if type(logs) is not _Array or type(counts) is not _Array:
            raise ForbiddenError(
                'mmengine.logging.history_buffer.HistoryBuffer.__setstate__'
            )
        self.__class__ = HistoryBuffer
        HistoryBuffer.__init__(self, logs.value, counts.value, state['max_length'])


# Stands in for the scheduler that keeps one of its functions in its state. A pickle can
# do nothing with it but hand it to getattr.
_ONE_CYCLE = object()

_METHODS = {
    _History: (HistoryBuffer, ('min', 'max', 'current', 'mean')),
    _ONE_CYCLE: (OneCycleParamScheduler, ('_annealing_cos', '_annealing_linear')),
}


def _getattr(owner: type, name: str) -> Callable:
    """Stand in for ``getattr``: only the methods that MMEngine pickles."""
    for stand_in, (cls, names) in _METHODS.items():
        if owner is stand_in and type(name) is str:
            if name in names:
                return getattr(cls, name)
            raise ForbiddenError(f'getattr({cls.__name__}, {name!r})')
    raise ForbiddenError(f'getattr({owner!r:.80}, {name!r:.80})')


HARMLESS = {
    'builtins.bytes': _bytes,
    'builtins.getattr': _getattr,
    'mmengine.logging.history_buffer.HistoryBuffer': _History,
    'mmengine.optim.scheduler.param_scheduler.OneCycleParamScheduler': _ONE_CYCLE,
    'numpy.dtype': _DType,
    'numpy.ndarray': _Array,
    # numpy 2 renamed its core.
    'numpy.core.multiarray._reconstruct': _reconstruct,
    'numpy._core.multiarray._reconstruct': _reconstruct,
    'numpy.core.multiarray.scalar': _scalar,
    'numpy._core.multiarray.scalar': _scalar,
}


@contextmanager
def harmless_names() -> Iterator[None]:
    """Let torch's weights-only unpickler meet the stand-ins, and what the user allowed.

    Where the user allowed one of these names himself, the stand-in takes its place.
    """
    before = torch.serialization.get_safe_globals()
    kept = []
    for entry in before:
        name = (
            entry[1]
            if isinstance(entry, tuple)
            else f'{entry.__module__}.{entry.__qualname__}'
        )
        if name not in HARMLESS:
            kept.append(entry)
    torch.serialization.clear_safe_globals()
    torch.serialization.add_safe_globals(
        [(value, name) for name, value in HARMLESS.items()] + kept
    )
    try:
        yield
    finally:
        torch.serialization.clear_safe_globals()
        torch.serialization.add_safe_globals(before)


def settle(value: Any, done: dict[int, tuple[Any, Any]] | None = None) -> Any:
    """Put the arrays where their stand-ins are.

    Args:
        value (Any): What the unpickler built; dicts and lists are changed in place.
        done (dict[int, tuple], optional): Results by identity. Defaults to None.

    Returns:
        Any: The value without stand-ins.
    """
    done = {} if done is None else done
    if isinstance(value, _DType):
        return value.real()
    if isinstance(value, _Array):
        return value.value
    if not isinstance(value, (dict, list)) and type(value) is not tuple:
        return value
    if id(value) not in done:
        # The value stays beside its result, so that its identity is not reused.
        done[id(value)] = value, value
        if type(value) is tuple:
            done[id(value)] = value, tuple(settle(item, done) for item in value)
        else:
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            for key, item in list(pairs):
                value[key] = settle(item, done)
    return done[id(value)][1]
