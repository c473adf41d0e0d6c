"""Patch: MMEngine imports ``pkg_resources``, which setuptools dropped in version 82.

MMEngine (0.10.7) asks it whether and where a package is installed, already when
``mmpose.apis`` is imported. A stand-in of that name would not do: where pytest finds one,
it uses more of it. Delete this file when MMEngine asks ``importlib.metadata``.
"""

import importlib.util
import os
from importlib import metadata


def is_installed(package: str) -> bool:
    """Whether there is a distribution or a module of this name."""
    try:
        metadata.distribution(package)
    except metadata.PackageNotFoundError:
        spec = importlib.util.find_spec(package)
        return spec is not None and spec.origin is not None
    return True


def get_installed_path(package: str) -> str:
    """Return the folder of a package.

    Args:
        package (str): Name of the distribution or of the module.

    Raises:
        ImportError: It is not installed.
        RuntimeError: It is a namespace package.
        ValueError: Its module has another name, which its metadata lacks.
    """
    try:
        distribution = metadata.distribution(package)
    except metadata.PackageNotFoundError:
        spec = importlib.util.find_spec(package)
        if spec is None:
            raise
        if spec.origin is None:
            raise RuntimeError(f'{package} is a namespace package.') from None
        return os.path.dirname(spec.origin)
    path = str(distribution.locate_file(package))
    if os.path.exists(path):
        return path
    names = distribution.read_text('top_level.txt')
    if not names:
        raise ValueError(f'{package} names no module in its metadata.')
    return str(distribution.locate_file(names.splitlines()[0]))


def apply_patch() -> str | None:
    """Let MMEngine find packages without ``pkg_resources``; return what to log."""
    import mmengine
    from mmengine.config import config
    from mmengine.utils import package_utils

    is_patched = package_utils.is_installed is is_installed
    if is_patched or importlib.util.find_spec('pkg_resources'):
        return None
    # Each has the functions by name.
    for module in (package_utils, mmengine.utils, mmengine, config):
        module.is_installed = is_installed
        module.get_installed_path = get_installed_path
    return 'setuptools has no pkg_resources; MMEngine finds packages by importlib.metadata.'
