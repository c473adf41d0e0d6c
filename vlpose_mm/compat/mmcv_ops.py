"""Patch: ``import mmpose.models`` fails on ``mmcv._ext`` with mmcv-lite.

Affects every mmcv-lite (>= 2.0.1), which ships the Python half of ``mmcv.ops`` without
the compiled half. A stand-in for that lets the import work, computes ``nms``, which MMDet's
detectors need, and refuses every other operator when it is called. Full mmcv is left alone.
Delete this file when MMPose imports without compiled operators.
"""

import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable
from types import ModuleType

import torch

_NAME = 'mmcv._ext'


def nms(
    bboxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float, offset: int
) -> torch.Tensor:
    """Suppress bboxes that overlap a better one, as the operator of full mmcv does.

    Args:
        bboxes (torch.Tensor): xyxy in pixels, shape (N, 4).
        scores (torch.Tensor): Score of each bbox, shape (N, ).
        iou_threshold (float): Highest IoU with a kept bbox, in [0, 1].
        offset (int): 0 or 1; a bbox is x2 - x1 + offset pixels wide.

    Returns:
        torch.Tensor: Indices of the kept bboxes by falling score, int64, shape (K, ).
    """
    order = scores.sort(0, descending=True)[1]
    # On an accelerator each step of the loop would wait for the device.
    best = bboxes[order].cpu()
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


class _StandIn(ModuleType):
    """Has every operator by name, as ``mmcv.utils.ext_loader`` checks on import."""

    def __getattr__(self, name: str) -> Callable:
        # The import system and inspect probe for dunder names.
        if name.startswith('__'):
            raise AttributeError(name)

        def operator(*args, **kwargs):
            raise RuntimeError(
                f'The operator "{name}" needs the compiled mmcv, but mmcv-lite is '
                'installed; uninstall it and install full mmcv (mim install mmcv).'
            )

        return operator


def _compiled_is_missing() -> bool:
    """Whether mmcv is installed without its compiled half; mmcv is not imported."""
    mmcv = importlib.util.find_spec('mmcv')
    if mmcv is None or not mmcv.submodule_search_locations:
        return False
    path = mmcv.submodule_search_locations
    return importlib.machinery.PathFinder.find_spec(_NAME, path) is None


def apply_patch() -> str | None:
    """Stand in for ``mmcv._ext`` where it is missing; return what to log."""
    if _NAME in sys.modules or not _compiled_is_missing():
        return None
    module = _StandIn(_NAME, 'Stands in for the operators that mmcv-lite lacks.')
    # MMEngine and mmcv look for a loader in the spec to learn whether mmcv is compiled.
    module.__spec__ = importlib.machinery.ModuleSpec(_NAME, loader=None)
    module.nms = nms
    # Reported with the environment of a run.
    module.get_compiler_version = lambda: 'not available'
    module.get_compiling_cuda_version = module.get_compiler_version
    sys.modules[_NAME] = module
    return (
        'mmcv-lite has no compiled operators; nms runs in PyTorch, any other raises when '
        'it is called.'
    )
