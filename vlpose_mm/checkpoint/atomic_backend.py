"""Let MMEngine write checkpoints so that a crash loses nothing."""

import os
from collections import defaultdict
from contextlib import suppress

from mmengine.fileio import LocalBackend, register_backend
from mmengine.utils import mkdir_or_exist

from vlpose_mm.checkpoint.io import remove_unfinished, replace_file


@register_backend('atomic')
class AtomicBackend(LocalBackend):
    """Local files that are replaced in one step, when all is written.

    MMEngine removes the last checkpoint before it writes the next; here it is removed
    afterwards. For any :class:`mmengine.hooks.CheckpointHook`:
    ``backend_args=dict(backend='atomic')``.
    """

    # By folder, of the class: MMEngine removes with one instance and writes with another.
    _outdated: dict[str, set[str]] = defaultdict(set)

    def put(self, obj: bytes, filepath: str) -> None:
        """Write a file, make its folder, and remove the outdated files there."""
        path = os.path.abspath(filepath)
        folder = os.path.dirname(path)
        mkdir_or_exist(folder)
        # Of a training that was killed; it may be large.
        remove_unfinished(folder, os.path.basename(path))
        with replace_file(path) as file:
            file.write(obj)
        for outdated in self._outdated.pop(folder, set()) - {path}:
            with suppress(FileNotFoundError):
                os.remove(outdated)

    def remove(self, filepath: str) -> None:
        """Mark a file as outdated: it goes when the next one in its folder is written."""
        path = os.path.abspath(filepath)
        self._outdated[os.path.dirname(path)].add(path)
