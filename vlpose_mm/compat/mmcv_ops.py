"""Patch: ``import mmpose.models`` fails on ``mmcv._ext`` with mmcv-lite.

Affects every mmcv-lite (>= 2.0.1), which ships the Python half of ``mmcv.ops`` without
the compiled half. A stand-in for the compiled half lets the import work, computes
``nms`` (MMDet's detectors need it at test time) and refuses every other operator when
it is called. With full mmcv nothing is touched. Delete this file when MMPose imports
without compiled operators.
"""

import importlib.machinery
import importlib.util
import logging
import sys
from collections.abc import Callable
from types import ModuleType

import torch
from mmengine.logging import print_log

_NAME = 'mmcv._ext'


def nms(boxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float, offset: int):
    """Suppress boxes that overlap a better one, as the operator of full mmcv does.

    Args:
        boxes (torch.Tensor): Corners (x1, y1, x2, y2) in pixels, shape (N, 4).
        scores (torch.Tensor): Score of each box, shape (N, ).
        iou_threshold (float): Highest IoU with a kept box, in [0, 1].
        offset (int): 0 or 1; a box is x2 - x1 + offset pixels wide.

    Returns:
        torch.Tensor: Indices of the kept boxes by falling score, int64, shape (K, ).
    """
    order = scores.sort(0, descending=True)[1]
    # Each kept box decides about the next: on an accelerator every step would wait.
    best = boxes[order].cpu()
    best = best.to(torch.promote_types(best.dtype, torch.float32))
    low, high = best[:, :2], best[:, 2:]
    areas = (high - low + offset).prod(1)
    keep = torch.ones(len(best), dtype=torch.bool)
    for i in range(len(best)):
        if keep[i]:
            rest = slice(i + 1, None)
            sides = torch.minimum(high[i], high[rest]) - torch.maximum(low[i], low[rest])
            inter = (sides + offset).clamp(min=0).prod(1)
            keep[rest] &= ~(inter / (areas[i] + areas[rest] - inter) > iou_threshold)
    return order[keep.to(order.device)]


def _refuse(name: str) -> Callable:
    def operator(*args, **kwargs):
        raise RuntimeError(
            f'The operator "{name}" needs the compiled mmcv, but mmcv-lite is '
            'installed; uninstall it and install full mmcv (mim install mmcv).'
        )

    return operator


class _StandIn(ModuleType):
    """Offers every operator by name, as ``mmcv.utils.ext_loader`` checks on import."""

    def __getattr__(self, name: str) -> Callable:
        # The import system and inspect probe for dunder names.
        if name.startswith('__'):
            raise AttributeError(name)
        return _refuse(name)


def _compiled_is_missing() -> bool:
    """Find out without importing mmcv.

    Returns:
        bool: Whether mmcv is installed without its compiled half.
    """
    mmcv = importlib.util.find_spec('mmcv')
    if mmcv is None or not mmcv.submodule_search_locations:
        return False
    path = mmcv.submodule_search_locations
    return importlib.machinery.PathFinder.find_spec(_NAME, path) is None


def apply_patch() -> None:
    """Stand in for ``mmcv._ext`` where it is missing."""
    if _NAME in sys.modules or not _compiled_is_missing():
        return
    module = _StandIn(_NAME, 'Stands in for the operators that mmcv-lite lacks.')
    # MMEngine and mmcv ask for the loader of this name to learn whether mmcv is
    # compiled: a spec without a loader answers no, and no spec at all is an error.
    module.__spec__ = importlib.machinery.ModuleSpec(_NAME, loader=None)
    module.nms = nms
    # These two are reported among the environment of a run.
    module.get_compiler_version = module.get_compiling_cuda_version = lambda: (
        'not available'
    )
    sys.modules[_NAME] = module
    print_log(
        'compat: mmcv-lite has no compiled operators; nms runs in PyTorch, any other '
        'raises when it is called.',
        logger='current',
        level=logging.INFO,
    )
