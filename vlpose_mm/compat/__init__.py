"""Patches of the installed stack: one file per break.

Each file says what it patches and for which versions, and can be deleted once upstream is
fixed. Nothing else in this package knows about versions.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.logging import MMLogger, print_log

from vlpose_mm.compat import checkpoints, cpu_distributed, mmcv_ops, torchvision

__all__ = ['apply_patches', 'log_to_stderr']


def apply_patches() -> None:
    """Apply every patch that the installed stack needs, once per process."""
    with log_to_stderr():
        # MMCV and MMEngine may import torchvision, so it has to work before they do.
        for patch in (torchvision, mmcv_ops, checkpoints, cpu_distributed):
            message = patch.apply_patch()
            if message:
                print_log(f'compat: {message}', logger='current', level=logging.INFO)


@contextmanager
def log_to_stderr() -> Iterator[None]:
    """Keep MMEngine's log out of stdout, which belongs to the command, in a ``with``."""
    handlers = MMLogger.get_current_instance().handlers
    handlers = [handler for handler in handlers if type(handler) is logging.StreamHandler]
    streams = [handler.setStream(sys.stderr) for handler in handlers]
    try:
        yield
    finally:
        for handler, stream in zip(handlers, streams, strict=True):
            if stream is not None:
                handler.setStream(stream)
