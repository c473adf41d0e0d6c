"""Patch: ``import torchvision`` fails where its native extension cannot load.

Affects torchvision >= 0.16 beside a PyTorch that its extension was not built for. It
carries on without the extension, then dies while it decorates two operators of it that
nobody declared. Declaring the two schemas is all that the import needs. MMPose's
visualizers and the BERT models of transformers need the import, not the operators.
Delete this file when torchvision declares them itself.
"""

import importlib.machinery
import importlib.util
import logging
import sys
from collections.abc import Callable

import torch
from mmengine.logging import print_log

_OPERATORS = ('nms', 'qnms')
_SCHEMA = '(Tensor dets, Tensor scores, float iou_threshold) -> Tensor'
_REMEDY = 'install the torchvision release that was built for your PyTorch release'
# A Library takes its operators back when it is collected, so it is kept here.
_library: torch.library.Library | None = None


def _extension_loads() -> bool:
    """Load the native extension as torchvision does, but without importing it.

    Returns:
        bool: Whether the extension is there and loads, or torchvision is absent.
    """
    spec = importlib.util.find_spec('torchvision')
    if spec is None or not spec.submodule_search_locations:
        return True
    details = (
        importlib.machinery.ExtensionFileLoader,
        importlib.machinery.EXTENSION_SUFFIXES,
    )
    for folder in spec.submodule_search_locations:
        extension = importlib.machinery.FileFinder(folder, details).find_spec('_C')
        if extension is not None:
            try:
                torch.ops.load_library(extension.origin)
            except OSError:
                return False
            return True
    return False


def _refuse(name: str) -> Callable:
    def operator(*args):
        raise RuntimeError(
            f'torchvision::{name} cannot run because the native extension of '
            f'torchvision does not load; {_REMEDY}.'
        )

    return operator


def apply_patch() -> None:
    """Declare the operators that ``import torchvision`` looks up and does not find."""
    global _library
    # Once imported, torchvision has found its operators.
    if _library is not None or 'torchvision' in sys.modules or _extension_loads():
        return
    missing = [name for name in _OPERATORS if not hasattr(torch.ops.torchvision, name)]
    _library = torch.library.Library('torchvision', 'FRAGMENT')
    for name in missing:
        _library.define(f'{name}{_SCHEMA}')
        for device in ('CPU', 'CUDA'):
            _library.impl(name, _refuse(name), device)
    print_log(
        'compat: torchvision cannot load its native extension; it is importable, its '
        f'compiled operators are not available. To have them, {_REMEDY}.',
        logger='current',
        level=logging.INFO,
    )
