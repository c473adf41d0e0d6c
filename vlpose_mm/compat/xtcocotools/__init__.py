"""Patch: MMPose imports xtcocotools, which does not install or load everywhere.

Affects xtcocotools 1.14.3 on CPython >= 3.13, where it does not build, and its wheel with
NumPy >= 2, which it was not built for. pycocotools, which MMDetection needs anyway, then
takes its place: what is built on it here gives the numbers of xtcocotools to the last bit.
faster-coco-eval is four times as fast, but has no whole-body types, other OKS by bbox, and
not the match of each image, which the evaluation by scenario reads. Delete this folder when
MMPose no longer needs xtcocotools, or that installs on every supported CPython.
"""

import importlib
import sys

# Absent or broken; built for another NumPy.
_ERRORS = (ImportError, ValueError)


def apply_patch() -> str | None:
    """Put pycocotools in the place of an xtcocotools that fails; return what to log.

    Raises:
        ImportError: If pycocotools fails as well.
    """
    try:
        importlib.import_module('xtcocotools.mask')
        return None
    except _ERRORS as error:
        reason = error
    try:
        mask = importlib.import_module('pycocotools.mask')
    except _ERRORS as error:
        raise ImportError(
            f'MMPose needs xtcocotools ({reason}) or, in its place, pycocotools ({error}): '
            'run "pip install --upgrade pycocotools".'
        ) from error
    package = sys.modules[__name__]
    package.mask = mask
    sys.modules['xtcocotools'] = package
    sys.modules['xtcocotools.mask'] = mask
    for name in ('coco', 'cocoeval'):
        module = importlib.import_module(f'{__name__}.{name}')
        sys.modules[f'xtcocotools.{name}'] = module
    return f'xtcocotools cannot be imported ({reason}); pycocotools takes its place.'
