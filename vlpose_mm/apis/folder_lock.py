"""Keep two runs from writing into one folder."""

import os
import socket
from pathlib import Path

from filelock import FileLock, Timeout


class FolderLock:
    """The lock of a run on its folder, which ends with the process at the latest.

    Args:
        folder (str): The folder.

    Raises:
        ValueError: If another run has it.
    """

    def __init__(self, folder: str) -> None:
        self._lock = FileLock(os.path.join(folder, '.lock'))
        # Who fails to take the lock may empty its file.
        self._holder = Path(folder, '.lock_holder')
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            holder = self._holder.read_text('utf-8') if self._holder.exists() else ''
            raise ValueError(
                f'{folder} is being written to by {holder or "another process"}; wait for '
                'its end, or name another folder.'
            ) from error
        name = f'process {os.getpid()} on {socket.gethostname()}'
        self._holder.write_text(name, 'utf-8')

    def release(self) -> None:
        """Let others write into the folder."""
        self._holder.unlink(missing_ok=True)
        # While no other can have it.
        Path(self._lock.lock_file).unlink(missing_ok=True)
        self._lock.release()
