"""Published detectors of people, by short names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from mmengine.config import Config

from vlpose_mm.apis.model_zoo import read_config
from vlpose_mm.checkpoint.download import fetch
from vlpose_mm.checkpoint.io import read_file, state_dict_of

if TYPE_CHECKING:
    from mmdet.apis import DetInferencer

PUBLISHED = 'https://download.openmmlab.com/mmpose/v1/projects/rtmposev1'


class Detector(NamedTuple):
    """A published detector.

    Attributes:
        package (str): Whose config it has.
        config (str): Where in what that package installs.
        weights (str): Address of its checkpoint.
    """

    package: str
    config: str
    weights: str


# RTMDet of people on photos: MMPose's own default and its small sibling. YOLOX of people on
# Human-Art and COCO, of MMPose's project RTMPose.
DETECTORS = {
    'rtmdet-m': Detector(
        'mmpose',
        'demo/mmdetection_cfg/rtmdet_m_640-8xb32_coco-person.py',
        f'{PUBLISHED}/rtmdet_m_8xb32-100e_coco-obj365-person-235e8209.pth',
    ),
    'rtmdet-nano': Detector(
        'mmpose',
        'demo/mmdetection_cfg/rtmdet_nano_320-8xb32_coco-person.py',
        f'{PUBLISHED}/rtmdet_nano_8xb32-100e_coco-obj365-person-05d8511e.pth',
    ),
} | {
    f'yolox-{size}-humanart': Detector(
        'mmdet',
        f'configs/yolox/yolox_{size}_8xb8-300e_coco.py',
        f'{PUBLISHED}/yolox_{size}_8xb8-300e_humanart-{mark}.pth',
    )
    for size, mark in (
        ('nano', '40f6f0d0'),
        ('tiny', '6f3252f9'),
        ('s', '3ef259a7'),
        ('m', 'c2c7a14a'),
        ('l', 'ce1d7a62'),
        ('x', 'a39d44ed'),
    )
}


class FoundDetector(NamedTuple):
    """A detector, ready to be built.

    Attributes:
        cfg (Config): Its config.
        weights (str): File of its weights, on this machine.
        cat_ids (tuple[int, ...]): Its categories that are people.
    """

    cfg: Config
    weights: str
    cat_ids: tuple[int, ...]


def find_detector(
    name: str | os.PathLike,
    weights: str | os.PathLike | None = None,
    cat_ids: int | Sequence[int] | None = None,
) -> FoundDetector:
    """Find the config and the weights of a detector; what is not here is fetched once.

    Args:
        name (str | os.PathLike): A name of :data:`DETECTORS`, or path of a config of
            MMDetection.
        weights (str | os.PathLike, optional): Checkpoint, file or URL; by default the
            published one, or the config's ``load_from``.
        cat_ids (int | Sequence[int], optional): Categories that are people, by default the
            first, as in COCO.

    Returns:
        FoundDetector: The detector.

    Raises:
        OSError: If a file is missing or an address cannot be reached.
        ValueError: If it is unknown, has no weights, or MMDetection is not installed.
    """
    given = os.fspath(name)
    known = DETECTORS.get(given)
    if known is None and not given.endswith('.py'):
        raise ValueError(
            f'Unknown detector {given!r}; give a config of MMDetection, or one of '
            f'{", ".join(DETECTORS)}.'
        )
    if find_spec('mmdet') is None:
        raise ValueError(
            f'The detector {given} needs MMDetection, which is not installed (mim install '
            'mmdet). Without it, give boxes, or take the whole image for a person.'
        )
    usual = None
    if known is None:
        if not os.path.isfile(given):
            raise FileNotFoundError(f'There is no file {given}.')
        cfg = read_config(given)
        if not cfg.get('model'):
            raise ValueError(f'{given} has no model; give the config of a detector.')
        usual = cfg.get('load_from')
    else:
        folder = find_spec(known.package).submodule_search_locations[0]
        cfg = Config.fromfile(os.path.join(folder, '.mim', known.config))
        usual = known.weights
        # The published ones know people alone.
        cfg.model.bbox_head.num_classes = 1
    weights = weights and os.fspath(weights)
    if not (weights or usual):
        raise ValueError(f'The detector {given} has no weights; give some.')
    ids = (0,) if cat_ids is None else cat_ids
    ids = (ids,) if isinstance(ids, int) else tuple(ids)
    return FoundDetector(cfg, fetch(weights or usual), ids)


def build_detector(name: str, found: FoundDetector, device: str | None) -> DetInferencer:
    """Build a detector, and see that it runs.

    Args:
        name (str): What it is called.
        found (FoundDetector): Its config and weights.
        device (str, optional): Where it runs; the best there is by default.

    Returns:
        DetInferencer: MMDetection's inferencer.

    Raises:
        ValueError: If it cannot be built or run, or its weights are not of this detector.
    """
    # Not everybody has MMDetection.
    from mmdet.apis import DetInferencer

    state = state_dict_of(read_file(found.weights), found.weights)
    try:
        detector = DetInferencer(
            found.cfg, found.weights, device, 'mmdet', show_progress=False
        )
        # Else every image would fail on an operator that mmcv-lite lacks.
        detector(np.zeros((64, 64, 3), np.uint8), return_datasamples=True)
    except (AttributeError, KeyError, RuntimeError, TypeError) as error:
        raise ValueError(f'The detector {name} does not run: {error}') from error
    # MMEngine loads what fits, and prints what does not.
    wanted = {key: value.shape for key, value in detector.model.named_parameters()}
    known = [key for key in wanted if key in state]
    wrong = [key for key in known if state[key].shape != wanted[key]]
    if not known or wrong:
        which = f'{wrong[0]} has another shape' if wrong else 'no name is the same'
        raise ValueError(f'{found.weights} is not of the detector {name}: {which}.')
    return detector
