"""Patch: ``import torchvision`` fails where its native extension cannot load.

Affects torchvision >= 0.16 with a PyTorch that its extension was not built for. It goes on
without the extension, then fails when it decorates two operators that nothing declared. The
import, which MMPose's visualizers and the BERT models of transformers need, only needs the
two schemas. Delete this file when torchvision declares them itself.
"""

import importlib
import sys
from collections.abc import Callable

import torch

_OPERATORS = ('nms', 'qnms')
_SCHEMA = '(Tensor dets, Tensor scores, float iou_threshold) -> Tensor'
_REMEDY = 'install the torchvision release that was built for your PyTorch release'
# A Library takes its operators back when it is collected, so it is kept here.
_library: torch.library.Library | None = None


def _import_fails_for_operators() -> bool:
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


def apply_patch() -> str | None:
    """Declare the operators that ``import torchvision`` misses; return what to log."""
    global _library
    if _library is not None or not _import_fails_for_operators():
        return None
    for name in [key for key in sys.modules if key.partition('.')[0] == 'torchvision']:
        del sys.modules[name]
    missing = [name for name in _OPERATORS if not hasattr(torch.ops.torchvision, name)]
    _library = torch.library.Library('torchvision', 'FRAGMENT')
    for name in missing:
        _library.define(f'{name}{_SCHEMA}')
        for device in ('CPU', 'CUDA'):
            _library.impl(name, _refuse(name), device)
    return (
        'torchvision cannot load its native extension; it is importable, its compiled '
        f'operators are not available. To have them, {_REMEDY}.'
    )
