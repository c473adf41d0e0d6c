"""Read checkpoints safely, and write them so that a crash loses nothing."""

import os
import pickle
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO
from uuid import uuid4

import torch
from mmengine.runner import CheckpointLoader
from mmengine.runner.checkpoint import load_from_local
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from vlpose_mm.checkpoint.adapter_folder import read_folder
from vlpose_mm.checkpoint.download import fetch
from vlpose_mm.local_files import (
    ADAPTER_CONFIG,
    ADAPTER_WEIGHTS,
    HUB,
    is_adapter_folder,
    is_url,
)

# Keys of the weights in a checkpoint, by who wrote it; averages only where they are alone.
STATE_DICT_KEYS = (
    'state_dict',
    'model',
    'ema_state_dict',
    'state_dict_ema',
    'model_ema',
    'ema',
)
# What wraps a model that is trained puts this before all names; torch.compile, into some.
WRAPPERS = ('module.', 'model.', 'ema_model.', 'ema.')
COMPILED = '_orig_mod.'
# Names of files that are being written.
UNFINISHED = re.compile(r'\.(.+)\.[0-9a-f]{8}\.tmp', re.DOTALL)


def read_file(path: str) -> dict:
    """Read a checkpoint without running any code in it.

    Args:
        path (str): File of torch or safetensors, or URL of one; or the folder of an
            adapter, by its path, by its ``adapter_config.json``, or on the Hugging Face
            hub, see :func:`vlpose_mm.checkpoint.hub.parse`.

    Returns:
        dict: Its content, on the CPU.

    Raises:
        OSError: If there is no such file, it is a directory or cannot be downloaded.
        ValueError: If it is truncated, is not a checkpoint, or asks for code to be run.
    """
    path = os.fspath(path)
    if is_url(path) or path.startswith(HUB):
        path = fetch(path)
    folder, name = os.path.split(path)
    if name in (ADAPTER_CONFIG, ADAPTER_WEIGHTS) and is_adapter_folder(folder or os.curdir):
        path = folder or os.curdir
    if is_adapter_folder(path):
        return read_folder(path)
    if os.path.isdir(path):
        raise IsADirectoryError(f'{path} is a directory; name a checkpoint in it.')
    if '://' not in path and not os.path.exists(path):
        raise FileNotFoundError(f'There is no file {path}.')
    try:
        if path.endswith('.safetensors'):
            content = load_file(path)
        else:
            # Goes through the weights-only unpickler, see ``compat/checkpoints.py``.
            content = CheckpointLoader.load_checkpoint(path, 'cpu', logger='silent')
    except SafetensorError as error:
        raise ValueError(
            f'{path} cannot be read as safetensors ({error}); the download may have '
            'broken off. Download or write it again.'
        ) from error
    except (pickle.UnpicklingError, RuntimeError) as error:
        raise ValueError(str(error)) from error
    except (KeyError, ImportError) as error:  # MMEngine, of schemes such as s3://
        raise ValueError(f'{path} cannot be fetched ({error}); give a file.') from error
    if not isinstance(content, Mapping):
        raise ValueError(
            f'{path} holds a {type(content).__name__}, which is not a checkpoint.'
        )
    return dict(content)


@CheckpointLoader.register_scheme(prefixes=('', HUB), force=True)
def load_from_local_or_hub(path: str, map_location: Any = None) -> dict:
    """Read a checkpoint for MMEngine, such as that of ``load_from``; folders as well."""
    if path.startswith(HUB) or is_adapter_folder(os.path.expanduser(path)):
        return read_file(os.path.expanduser(path))
    return load_from_local(path, map_location)


def state_dict_of(content: Mapping[str, Any], path: str) -> dict[str, Tensor]:
    """Return the weights of a checkpoint.

    Args:
        content (Mapping): What :func:`read_file` returns.
        path (str): The file, for errors.

    Returns:
        dict[str, Tensor]: Tensors by name, see :func:`without_wrappers`.

    Raises:
        ValueError: If there are no tensors.
    """
    nested = [content[k] for k in STATE_DICT_KEYS if isinstance(content.get(k), Mapping)]
    state_dict = without_wrappers(
        {
            name: tensor
            for name, tensor in (nested or [content])[0].items()
            if isinstance(name, str) and isinstance(tensor, Tensor)
        }
    )
    if not state_dict:
        raise ValueError(f'{path} holds no weights; it has {list(content)[:5]}.')
    return state_dict


def without_wrappers(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a state dict without what wrapped the model when it was saved.

    That is distributed training, ``torch.compile``, Lightning or an average of the weights.
    """
    # MMEngine's average counts its steps beside the names.
    state_dict = {
        name.replace(COMPILED, '').removeprefix('module.'): tensor
        for name, tensor in state_dict.items()
    }
    for wrapper in WRAPPERS * 2:  # one may wrap another
        if all(name.startswith(wrapper) for name in state_dict):
            state_dict = {name[len(wrapper) :]: t for name, t in state_dict.items()}
    return state_dict


@contextmanager
def replace_file(path: str) -> Iterator[BinaryIO]:
    """Write a file; the previous one stays until the ``with`` block has succeeded.

    A process that is killed leaves what it had written in a hidden file, which
    :func:`remove_unfinished` removes.

    Args:
        path (str): The file; a link stays, and what it leads to is replaced.

    Yields:
        BinaryIO: The stream to write to.

    Raises:
        OSError: If it cannot be written.
    """
    target = os.path.realpath(path)
    folder, name = os.path.split(target)
    is_other = os.path.exists(target) and not os.path.isfile(target)
    if not path or not os.path.isdir(folder) or is_other:
        raise OSError(f'Cannot write {path}: name a file in an existing folder.')
    # Named first, as an interrupt may come while it is created.
    temporary = os.path.join(folder, f'.{name}.{uuid4().hex[:8]}.tmp')
    try:
        with open(temporary, 'xb') as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def remove_unfinished(folder: str, name: str | None = None) -> None:
    """Remove what killed calls of :func:`replace_file` left in a folder.

    Args:
        folder (str): The folder, without those in it.
        name (str, optional): Name of the files; of any by default. Nothing else may be
            writing them at the time.
    """
    for match in filter(None, map(UNFINISHED.fullmatch, os.listdir(folder))):
        if name in (None, match[1]):
            os.unlink(os.path.join(folder, match[0]))


def write_file(content: dict, path: str) -> None:
    """Write a file of torch as :func:`replace_file` does."""
    if path.endswith('.safetensors'):
        raise OSError(f'Cannot write {path}: it is a file of torch; name it .pth.')
    try:
        with replace_file(path) as file:
            torch.save(content, file)
    except RuntimeError as error:
        # torch hides what the file system said.
        if not isinstance(error.__context__, OSError):
            raise
        raise OSError(f'Cannot write {path}: {error.__context__}.') from error
