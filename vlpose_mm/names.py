"""Names of routes, models and detectors; imports nothing large."""

from __future__ import annotations

import difflib
import os
from functools import cache
from pathlib import Path
from typing import NamedTuple

import yaml

from vlpose_mm.paths import package_root

# The routes of a model; 'auto' chooses one of the others for each sample.
ROUTES = ('tuned', 'original', 'auto')

# The small model in the package.
DEMO = 'demo'

# In place of a detector: each image is one instance, and its crop is padded as any, or the
# image is such a crop already.
WHOLE_IMAGE, CROPPED = 'whole_image', 'cropped'
PUBLISHED = 'https://download.openmmlab.com/mmpose/v1/projects/rtmposev1'


class Published(NamedTuple):
    """A published person detector."""

    package: str  # The package that has its config.
    config: str  # Path of the config in ``.mim`` of that package.
    weights: str  # URL of its checkpoint.


# RTMDet for photos: MMPose's default and its small sibling. YOLOX for Human-Art and COCO,
# from MMPose's project RTMPose.
DETECTORS = {
    'rtmdet-m': Published(
        'mmpose',
        'demo/mmdetection_cfg/rtmdet_m_640-8xb32_coco-person.py',
        f'{PUBLISHED}/rtmdet_m_8xb32-100e_coco-obj365-person-235e8209.pth',
    ),
    'rtmdet-nano': Published(
        'mmpose',
        'demo/mmdetection_cfg/rtmdet_nano_320-8xb32_coco-person.py',
        f'{PUBLISHED}/rtmdet_nano_8xb32-100e_coco-obj365-person-05d8511e.pth',
    ),
} | {
    f'yolox-{size}-humanart': Published(
        'mmdet',
        f'configs/yolox/yolox_{size}_8xb8-300e_coco.py',
        f'{PUBLISHED}/yolox_{size}_8xb8-300e_humanart-{digest}.pth',
    )
    for size, digest in (
        ('nano', '40f6f0d0'),
        ('tiny', '6f3252f9'),
        ('s', '3ef259a7'),
        ('m', 'c2c7a14a'),
        ('l', 'ce1d7a62'),
        ('x', 'a39d44ed'),
    )
}


def model_names() -> list[str]:
    """Return the names of models: of the demo's, and of the model index."""
    return [DEMO, *(entry['Name'] for entry in _index().values())]


def find_entry(model: str) -> dict | None:
    """Find the entry of a model in the model index.

    Args:
        model (str): ``'demo'``; a name of the index; or file or URL of a config or a
            checkpoint.

    Returns:
        dict, optional: The entry; ``None`` for the demo's model, a file and a URL.

    Raises:
        FileNotFoundError: If it is a path without a file.
        ValueError: If the name is unknown.
    """
    if model.lower() == DEMO or os.path.isfile(model) or '://' in model:
        return None
    name = Path(model).stem if model.endswith('.py') else model
    entry = _index().get(name.lower())
    if entry is not None:
        return entry
    if os.path.splitext(model)[1] or os.path.dirname(model):
        raise FileNotFoundError(f'There is no file {model}.')
    known = {name.lower(): name for name in model_names()}
    close = difflib.get_close_matches(model.lower(), known, n=3, cutoff=0)
    names = ', '.join(known[name] for name in close)
    raise ValueError(
        f'Unknown model {model!r}; give {DEMO!r}, a config, a checkpoint that holds its '
        f'config, or a name of the model index. The closest are {names}.'
    )


@cache
def _index() -> dict[str, dict]:
    """Return the entries of the model index by lower-case name."""
    root = package_root()
    imports = yaml.safe_load((root / 'model-index.yml').read_text('utf-8'))['Import']
    entries = [
        entry
        for path in imports
        for entry in yaml.safe_load((root / path).read_text('utf-8'))['Models']
    ]
    return {entry['Name'].lower(): entry for entry in entries}
