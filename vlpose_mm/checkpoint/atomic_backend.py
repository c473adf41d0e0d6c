"""Let MMEngine write checkpoints so that a crash in the middle loses nothing."""

import os
from collections import defaultdict
from contextlib import suppress

from mmengine.fileio import LocalBackend, register_backend
from mmengine.utils import mkdir_or_exist

from vlpose_mm.checkpoint.io import replace_file


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
