"""Patches of the installed stack: one file per broken joint.

Each file says what it patches and for which versions, and can be deleted the day upstream
heals. Nothing else in this package knows about versions.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.logging import MMLogger

from vlpose_mm.compat import checkpoints, cpu_distributed, mmcv_ops, torchvision


def apply_patches() -> None:
    """Apply every patch that the installed stack needs, once per process."""
    with log_to_stderr():
        # MMCV and MMEngine may import torchvision, so it has to work before they do.
        torchvision.apply_patch()
        mmcv_ops.apply_patch()
        checkpoints.apply_patch()
        cpu_distributed.apply_patch()


@contextmanager
def log_to_stderr() -> Iterator[None]:
    """Keep MMEngine's log out of the standard output inside a ``with`` block.

    What a command prints there is its own, and may be read by another one.
    """
    handlers = [
        handler
        for handler in MMLogger.get_current_instance().handlers
        if type(handler) is logging.StreamHandler
    ]
    streams = [handler.setStream(sys.stderr) for handler in handlers]
    try:
        yield
    finally:
        for handler, stream in zip(handlers, streams, strict=True):
            if stream is not None:
                handler.setStream(stream)


__all__ = ['log_to_stderr', 'apply_patches']
