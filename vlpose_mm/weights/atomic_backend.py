"""Let MMEngine write checkpoints so that a crash in the middle loses nothing."""

import os
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from mmengine.fileio import LocalBackend, register_backend
from mmengine.utils import mkdir_or_exist


@contextmanager
def replace_file(path: str) -> Iterator[BinaryIO]:
    """Write a file; whatever was there stays until the ``with`` block has ended well.

    Args:
        path (str): The file.

    Yields:
        BinaryIO: What to write to.

    Raises:
        OSError: If it cannot be written.
    """
    folder, name = os.path.split(os.path.abspath(path))
    if not os.path.isdir(folder) or os.path.isdir(path):
        raise OSError(f'Cannot write {path}: name a file in an existing folder.')
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=f'.{name}.', suffix='.tmp')
    try:
        with os.fdopen(handle, 'wb') as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files for the owner's eyes alone.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


@register_backend('atomic')
class AtomicBackend(LocalBackend):
    """Local checkpoints, of which one is whole at any time.

    A file is replaced in one step when all of it is written. MMEngine removes the last
    checkpoint before it writes the next; here it goes afterwards. For any
    :class:`mmengine.hooks.CheckpointHook`: ``backend_args=dict(backend='atomic')``.
    """

    # By folder; MMEngine removes with one backend and writes with another.
    _outdated: dict[str, set[str]] = defaultdict(set)

    def put(self, obj: bytes, filepath: str) -> None:
        """Write a file, and then remove what it makes outdated.

        Args:
            obj (bytes): What to write.
            filepath (str): The file; its folder is made where there is none.
        """
        path = os.path.abspath(filepath)
        folder = os.path.dirname(path)
        mkdir_or_exist(folder)
        with replace_file(path) as file:
            file.write(obj)
        for outdated in self._outdated.pop(folder, set()) - {path}:
            with suppress(FileNotFoundError):
                os.remove(outdated)

    def remove(self, filepath: str) -> None:
        """Have a file removed when the next one in its folder is written.

        Args:
            filepath (str): The file.
        """
        path = os.path.abspath(filepath)
        self._outdated[os.path.dirname(path)].add(path)
