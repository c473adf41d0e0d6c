"""Patch: MMEngine cannot read its own checkpoints back.

``torch.load`` defaults to ``weights_only=True`` since torch 2.6, while MMEngine (0.10.7)
pickles numpy arrays, ``HistoryBuffer`` and, through ``getattr``, methods of its own
classes; and what it downloads it reads with ``weights_only=False``, which runs whatever
the file says. Here every checkpoint that MMEngine reads goes through torch's
weights-only unpickler with the globals of ``safe_globals``. Delete this file and
``safe_globals`` when MMEngine itself reads with ``weights_only=True``.
"""

import os
import pickle
import pickletools
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import ModuleType
from typing import IO, Any
from urllib.parse import urlparse

import torch

from vlpose_mm.compat.safe_globals import ForbiddenError, mmengine_globals, resolve

_REMEDY = (
    'Nothing forbidden was run. If you trust where the file comes from, read it once '
    'with torch.load(..., weights_only=False) and save its weights alone (its '
    "'state_dict') with torch.save."
)


def _unread_globals(stream: IO[bytes]) -> Iterator[str]:
    """Name what a pickle imports by opcodes that torch's unpickler does not read."""
    strings, memo, last = ['?', '?'], {}, None
    for opcode, arg, _ in pickletools.genops(stream):
        if opcode.name == 'INST':
            yield arg.replace(' ', '.')
        elif opcode.name == 'STACK_GLOBAL':
            yield '.'.join(strings[-2:])
        elif opcode.name == 'MEMOIZE':
            memo[len(memo)] = last
        elif opcode.name.endswith('PUT'):
            memo[int(arg)] = last
        else:
            last = memo.get(int(arg)) if opcode.name.endswith('GET') else arg
            if isinstance(last, str):
                strings.append(last)


def _unread_globals_of_file(path: str) -> list[str]:
    """Name what a file imports by such opcodes."""
    names = []
    # The file may break off anywhere; what was found counts.
    with suppress(Exception), open(path, 'rb') as stream:
        if zipfile.is_zipfile(stream):
            archive = zipfile.ZipFile(stream)
            for entry in archive.namelist():
                if entry.endswith('data.pkl'):
                    names.extend(_unread_globals(archive.open(entry)))
        else:
            stream.seek(0)
            # The legacy format: a row of pickles, then the bytes of the storages.
            while True:
                names.extend(_unread_globals(stream))
    return list(dict.fromkeys(names))


def _explain(error: Exception, name: str, path: str) -> Exception:
    """Make an error of the unpickler name the checkpoint and its forbidden globals."""
    forbidden = str(error) if isinstance(error, ForbiddenError) else ''
    if isinstance(error, pickle.UnpicklingError):
        found = re.search(r'GLOBAL (\S+) (?:was not|whose module)', str(error))
        forbidden = found[1] if found else ', '.join(_unread_globals_of_file(path))
        if found and '.' not in forbidden:
            forbidden = f'builtins.{forbidden}'  # torch cuts this module off
    if forbidden:
        return pickle.UnpicklingError(
            f'{name} is refused as a checkpoint: its pickle asks for {forbidden}, '
            f'which is not one of the safe globals. {_REMEDY}'
        )
    reason = str(error).split('WeightsUnpickler error:')[-1].split('\n\nCheck the doc')[0]
    return RuntimeError(
        f'{name} cannot be read as a checkpoint: {type(error).__name__}: {reason.strip()}'
    )


def _read(load: Callable, source: Any, name: str, path: str, **kwargs) -> Any:
    """Read a checkpoint through torch's weights-only unpickler."""
    try:
        with mmengine_globals():
            return resolve(load(source, weights_only=True, **kwargs))
    except Exception as error:
        # A missing or locked file is named already.
        if isinstance(error, OSError) and error.filename:
            raise
        raise _explain(error, name, path) from None


def _load(file: Any, map_location: Any = None, **kwargs) -> Any:
    """Replace ``torch.load`` inside MMEngine; other ways of reading are ignored."""
    is_path = isinstance(file, (str, os.PathLike))
    name = str(file) if is_path else f'The downloaded {type(file).__name__}'
    return _read(torch.load, file, name, name, map_location=map_location)


def _load_url(
    url: str, model_dir: str | None = None, map_location: Any = None, **kwargs
) -> Any:
    """Replace ``load_url`` inside MMEngine, which would run what it downloads."""
    folder = model_dir or os.path.join(torch.hub.get_dir(), 'checkpoints')
    path = os.path.join(folder, os.path.basename(urlparse(url).path))
    kwargs.update(model_dir=folder, map_location=map_location)
    load = torch.hub.load_state_dict_from_url
    return _read(load, url, f'{url} (kept in {path})', path, **kwargs)


class _Torch(ModuleType):
    """``torch`` as MMEngine's loaders see it: all of it, with the safe ``load``."""

    load = staticmethod(_load)

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)


def apply_patch() -> str | None:
    """Make MMEngine read checkpoints safely, its own included; return what to log."""
    from mmengine.runner import checkpoint

    if isinstance(checkpoint.torch, _Torch):
        return None
    # MMEngine's loaders for files, URLs and object stores are all in this module.
    checkpoint.torch = _Torch('torch')
    checkpoint.load_url = _load_url
    return (
        'MMEngine reads checkpoints through the weights-only unpickler of torch, with '
        'safe globals for what MMEngine itself pickles.'
    )
