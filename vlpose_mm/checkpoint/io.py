"""Read files of weights safely, and write them so that a crash loses nothing."""

import os
import pickle
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

import torch
from mmengine.runner import CheckpointLoader
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

# What a checkpoint calls its weights, by who wrote it.
STATE_DICT_KEYS = ('state_dict', 'model')


def read_file(path: str) -> dict:
    """Read a checkpoint without running anything that it says.

    Args:
        path (str): A file of torch or safetensors, or a URL of one of torch.

    Returns:
        dict: What it holds, on the CPU.

    Raises:
        OSError: If there is no such file, or it is a directory.
        ValueError: If it is broken off, is no checkpoint, or asks for code to be run.
    """
    path = os.fspath(path)
    if '://' not in path:
        if os.path.isdir(path):
            raise IsADirectoryError(f'{path} is a directory; name a file of weights in it.')
        if not os.path.exists(path):
            raise FileNotFoundError(f'There is no file {path}.')
    elif path.endswith('.safetensors'):
        raise ValueError(
            f'{path} cannot be read from afar; download it, and give the file.'
        )
    try:
        if path.endswith('.safetensors'):
            content = load_file(path)
        else:
            # Goes through the weights-only unpickler, see ``compat/checkpoints.py``.
            content = CheckpointLoader.load_checkpoint(path, 'cpu', logger='silent')
    except SafetensorError as error:
        raise ValueError(
            f'{path} cannot be read as safetensors ({error}); it may be a download that '
            'broke off. Fetch or write it again.'
        ) from error
    except (pickle.UnpicklingError, RuntimeError) as error:
        raise ValueError(str(error)) from error
    except (KeyError, ImportError) as error:
        # What MMEngine says of other schemes than http.
        raise ValueError(f'{path} cannot be fetched ({error}); give a file.') from error
    if not isinstance(content, Mapping):
        raise ValueError(
            f'{path} holds a {type(content).__name__}, which is no checkpoint.'
        )
    return dict(content)


def state_dict_of(content: Mapping[str, Any], path: str) -> dict[str, Tensor]:
    """Take the weights out of what a file holds.

    Args:
        content (Mapping): See :func:`read_file`.
        path (str): The file, for errors.

    Returns:
        dict[str, Tensor]: Tensors by name, without the ``module.`` of distributed
        training.

    Raises:
        ValueError: If there are no tensors.
    """
    nested = [content[k] for k in STATE_DICT_KEYS if isinstance(content.get(k), Mapping)]
    state_dict = {
        name.removeprefix('module.'): tensor
        for name, tensor in (nested or [content])[0].items()
        if isinstance(name, str) and isinstance(tensor, Tensor)
    }
    if not state_dict:
        raise ValueError(f'{path} holds no weights; it has {list(content)[:5]}.')
    return state_dict


@contextmanager
def replace_file(path: str) -> Iterator[BinaryIO]:
    """Write a file; whatever was there stays until the ``with`` block has ended well.

    A process that is killed leaves what it had written in a hidden file ``.NAME.*.tmp``.

    Args:
        path (str): The file.

    Yields:
        BinaryIO: What to write to.

    Raises:
        OSError: If it cannot be written.
    """
    # Where a link leads to; the link stays.
    target = os.path.realpath(path)
    folder, name = os.path.split(target)
    is_other = os.path.exists(target) and not os.path.isfile(target)
    if not path or not os.path.isdir(folder) or is_other:
        raise OSError(f'Cannot write {path}: name a file in an existing folder.')
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=f'.{name}.', suffix='.tmp')
    try:
        with os.fdopen(handle, 'wb') as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        give_usual_rights(temporary, 0o666)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def write_file(content: dict, path: str) -> None:
    """Write a file of torch; whatever was there stays until the new one is whole.

    Args:
        content (dict): What to write.
        path (str): The file.

    Raises:
        OSError: If it cannot be written.
    """
    if path.endswith('.safetensors'):
        raise OSError(f'Cannot write {path}: it becomes a file of torch; name it .pth.')
    try:
        with replace_file(path) as file:
            torch.save(content, file)
    except RuntimeError as error:
        # torch hides what the file system said.
        if not isinstance(error.__context__, OSError):
            raise
        raise OSError(f'Cannot write {path}: {error.__context__}.') from error


def give_usual_rights(path: str, mode: int) -> None:
    """Undo that temporary files and folders are made for the owner's eyes alone.

    Args:
        path (str): File or folder.
        mode (int): Rights without the mask of the process.
    """
    mask = os.umask(0)
    os.umask(mask)
    os.chmod(path, mode & ~mask)
