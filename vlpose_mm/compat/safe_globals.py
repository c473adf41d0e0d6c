"""The globals that a checkpoint of MMEngine may use, and safe stand-ins for them.

Part of the patch in ``checkpoints``. With the true ``getattr`` among torch's safe globals a
pickle could reach anything, and numpy trusts the state of a pickled dtype (flags that turn
numbers into object pointers). The stand-ins accept what MMEngine writes and nothing else.
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


class _StandIn:
    """Keeps a value until the whole checkpoint is read.

    Each kind has a ``__setstate__``: without it torch would let a pickle set attributes.
    """

    value: Any


class _DType(_StandIn):
    """``numpy.dtype``: plain numbers and strings only."""

    def __init__(self, spec: str, align: bool = False, copy: bool = True) -> None:
        if type(spec) is not str or not re.fullmatch(r'[biufcSU]\d{1,9}', spec):
            raise ForbiddenError(f'numpy.dtype({spec!r:.80})')
        self.value = np.dtype(spec)

    def __setstate__(self, state: tuple) -> None:
        # Only the byte order counts; the rest follows from the specification.
        if type(state[1]) is not str or state[1] not in ('<', '>', '|', '='):
            raise ForbiddenError(f'numpy.dtype.__setstate__({state[1]!r:.80})')
        self.value = self.value.newbyteorder(state[1])


class _Array(_StandIn):
    """``numpy.ndarray``."""

    def __setstate__(self, state: tuple) -> None:
        _, shape, dtype, fortran, data = state
        self.value = _array(shape, dtype, data, 'F' if fortran else 'C')


class _History(_StandIn):
    """``HistoryBuffer``, whose own ``__setstate__`` would alter the class itself."""

    def __setstate__(self, state: dict) -> None:
        logs, counts = state['_log_history'], state['_count_history']
        if type(logs) is not _Array or type(counts) is not _Array:
            raise ForbiddenError(f'{HistoryBuffer.__module__}.HistoryBuffer.__setstate__')
        self.value = HistoryBuffer(logs.value, counts.value, state['max_length'])


def _array(shape: tuple, dtype: _DType, data: bytes, order: str = 'C') -> np.ndarray:
    if type(dtype) is not _DType or type(data) is not bytes:
        raise ForbiddenError('numpy.ndarray.__setstate__')
    return np.ndarray(shape, dtype.value, data, order=order).copy(order)


def _reconstruct(cls: type, shape: tuple, typecode: bytes) -> _Array:
    """``numpy.core.multiarray._reconstruct``."""
    if cls is not _Array:
        raise ForbiddenError('numpy.core.multiarray._reconstruct')
    return _Array()


def _scalar(dtype: _DType, data: bytes = b'') -> np.generic:
    """``numpy.core.multiarray.scalar``."""
    return _array((), dtype, data)[()]


def _bytes() -> bytes:
    """``bytes``, which protocol 2 calls for the data of an empty array."""
    return b''


# The scheduler that keeps one of its functions in its state. A pickle can do nothing with
# it but pass it to getattr.
_ONE_CYCLE = object()

_METHODS = {
    _History: (HistoryBuffer, ('min', 'max', 'current', 'mean')),
    _ONE_CYCLE: (OneCycleParamScheduler, ('_annealing_cos', '_annealing_linear')),
}


def _getattr(owner: type, name: str) -> Callable:
    """``getattr``: only the methods that MMEngine pickles."""
    for stand_in, (cls, names) in _METHODS.items():
        if owner is stand_in and type(name) is str:
            if name in names:
                return getattr(cls, name)
            raise ForbiddenError(f'getattr({cls.__name__}, {name!r})')
    raise ForbiddenError(f'getattr({owner!r:.80}, {name!r:.80})')


SAFE_GLOBALS = {
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
def mmengine_globals() -> Iterator[None]:
    """Allow the stand-ins, and what the user allowed under other names."""

    def full_name(entry: Any) -> str:
        is_pair = isinstance(entry, tuple)
        return entry[1] if is_pair else f'{entry.__module__}.{entry.__qualname__}'

    before = torch.serialization.get_safe_globals()
    own = [entry for entry in before if full_name(entry) not in SAFE_GLOBALS]
    ours = [(stand_in, name) for name, stand_in in SAFE_GLOBALS.items()]
    torch.serialization.clear_safe_globals()
    try:
        with torch.serialization.safe_globals(own + ours):
            yield
    finally:
        torch.serialization.add_safe_globals(before)


def resolve(value: Any, done: dict[int, tuple[Any, Any]] | None = None) -> Any:
    """Put the values in the place of their stand-ins; dicts and lists change in place."""
    done = {} if done is None else done
    if isinstance(value, _StandIn):
        return value.value
    if not isinstance(value, dict | list) and type(value) is not tuple:
        return value
    if id(value) not in done:
        # The value is kept beside its result, so that its identity is not reused.
        done[id(value)] = value, value
        if type(value) is tuple:
            done[id(value)] = value, tuple(resolve(item, done) for item in value)
        else:
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            for key, item in list(pairs):
                value[key] = resolve(item, done)
    return done[id(value)][1]
