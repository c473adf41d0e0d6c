"""Patch: ``import torchvision`` fails where its native extension cannot load.

Affects torchvision >= 0.16 beside a PyTorch that its extension was not built for. It
carries on without the extension, then dies while it decorates two operators that nothing
declared. Declaring the two schemas is all that the import needs. MMPose's visualizers and
the BERT models of transformers need the import, not the operators.
Delete this file when torchvision declares them itself.
"""

import importlib
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


def _import_fails_for_operators() -> bool:
    """Import torchvision; only the error that this patch cures counts as a failure."""
    try:
        importlib.import_module('torchvision')
    except RuntimeError as error:
        return 'operator torchvision::' in str(error)
    except Exception:
        # Absent, or broken in another way: what needs it reports that.
        return False
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
    if _library is not None or not _import_fails_for_operators():
        return
    for name in [key for key in sys.modules if key.partition('.')[0] == 'torchvision']:
        del sys.modules[name]
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
