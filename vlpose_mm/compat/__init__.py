"""Mends of the installed stack: one file per broken joint.

Each file says what it mends and for which versions, and can be deleted the day upstream
heals. Nothing else in this package knows about versions.
"""

from vlpose_mm.compat import checkpoints, cpu_distributed, mmcv_ops, torchvision


def mend() -> None:
    """Apply every mend that the installed stack needs, once per process."""
    # MMCV and MMEngine may import torchvision, so that one has to work before they do.
    torchvision.mend()
    mmcv_ops.mend()
    checkpoints.mend()
    cpu_distributed.mend()


__all__ = ['mend']
