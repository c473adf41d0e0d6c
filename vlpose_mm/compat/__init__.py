"""Patches of the installed stack: one file per break.

Each file says what it patches and for which versions, and can be deleted once upstream is
fixed. Nothing else in this package but ``requirements`` knows about versions. What was
patched is logged at the debug level; what a patch cannot do says so when it is called.
"""

import logging

from vlpose_mm.compat import (
    checkpoints,
    cpu_distributed,
    find_loader,
    mmcv_ops,
    packages,
    torchvision,
    visualizer,
    xtcocotools,
)

__all__ = ['apply_patches']

# Not MMEngine's logger, which prints the debug level as well.
_logger = logging.getLogger(__name__)


def apply_patches() -> None:
    """Apply every patch that the installed stack needs, once per process."""
    # MMCV and MMEngine may import torchvision, so it has to work before they do. The last
    # imports MMPose's visualizers, which need what is patched before.
    for patch in (
        torchvision,
        mmcv_ops,
        xtcocotools,
        packages,
        find_loader,
        checkpoints,
        cpu_distributed,
        visualizer,
    ):
        message = patch.apply_patch()
        if message:
            _logger.debug(message)
