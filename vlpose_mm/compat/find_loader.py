"""Patch: MMEngine and mmcv call ``pkgutil.find_loader``, which CPython 3.14 dropped.

MMEngine (0.10.7) and mmcv (2.1.0) ask it whether mmcv is compiled, whenever an optimizer is
built. Delete this file when both ask ``importlib.util.find_spec``.
"""

import importlib.util
import pkgutil
from importlib.abc import Loader


def _find_loader(name: str) -> Loader | None:
    """Return the loader of a module, or None without the module or a loader."""
    spec = importlib.util.find_spec(name)
    return spec and spec.loader


def apply_patch() -> str | None:
    """Give ``pkgutil`` its ``find_loader`` back; return what to log."""
    if hasattr(pkgutil, 'find_loader'):
        return None
    pkgutil.find_loader = _find_loader
    return 'pkgutil has no find_loader; MMEngine and mmcv get one from importlib.'
