"""Find and build person detectors."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
from mmdet.apis import DetInferencer
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.infer import BaseInferencer
from mmengine.model import initialize
from mmengine.structures import InstanceData
from mmpose.apis.inferencers.utils import default_det_models
from mmpose.evaluation.functional import nms
from mmpose.registry import DATASETS
from torch import nn

from vlpose_mm.apis.model_zoo import read_config
from vlpose_mm.checkpoint.download import fetch
from vlpose_mm.checkpoint.io import read_file, state_dict_of
from vlpose_mm.local_files import check_file, is_url
from vlpose_mm.names import (
    DEFAULT_DETECTOR,
    DETECTORS,
    PACKAGED_DETECTORS,
    WHOLE_IMAGE,
)
from vlpose_mm.paths import package_root
from vlpose_mm.registry import find_class


def default_detector(
    dataset_type: str | type,
) -> tuple[str, str | None, Sequence[int] | None]:
    """Return model, weights and categories of the default detector for a dataset.

    It is MMPose's, but for Human-Art one that was trained on it.
    """
    module = find_class(DATASETS, dataset_type).__module__
    if 'humanart' in module:
        return DEFAULT_DETECTOR, None, None
    kind = module.split('datasets.')[-1].split('.')[0].lower()
    default = default_det_models.get(kind, dict(model=WHOLE_IMAGE))
    return default['model'], default.get('weights'), default.get('cat_ids')


class FoundDetector(NamedTuple):
    """A detector, ready to be built."""

    name: str  # Its name, for errors.
    cfg: Config  # Its config.
    weights: str  # File or URL of its weights.
    cat_ids: tuple[int, ...]  # Its person categories.


def find_detector(
    name: str | os.PathLike,
    weights: str | os.PathLike | None = None,
    cat_ids: int | Sequence[int] | None = None,
) -> FoundDetector:
    """Find the config and the weights of a detector.

    Args:
        name (str | os.PathLike): A name of :data:`DETECTORS` or
            :data:`PACKAGED_DETECTORS`, a name or alias of MMDetection's model index, or
            path of a config of MMDetection.
        weights (str | os.PathLike, optional): Checkpoint, file or URL; by default the
            published one, or the config's ``load_from``.
        cat_ids (int | Sequence[int], optional): Person categories, ``0`` by default.

    Returns:
        FoundDetector: The detector.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If it is unknown or has no weights.
    """
    name = os.fspath(name)
    if name in DETECTORS:
        published = DETECTORS[name]
        folder = find_spec(published.package).submodule_search_locations[0]
        cfg = Config.fromfile(os.path.join(folder, '.mim', published.config))
        usual = published.weights
        # They have one category.
        cfg.model.bbox_head.num_classes = 1
    elif name in PACKAGED_DETECTORS:
        packaged, root = PACKAGED_DETECTORS[name], package_root() / 'projects'
        cfg = Config.fromfile(str(root / packaged.config))
        usual = str(root / packaged.weights)
        backbone_weights = str(root / packaged.backbone_weights)
        cfg.model.backbone.init_cfg.checkpoint = backbone_weights
    elif name.endswith('.py'):
        check_file(name)
        cfg = read_config(name)
        if not cfg.get('model'):
            raise ValueError(f'{name} has no model; give the config of a detector.')
        usual = cfg.get('load_from')
    else:
        cfg, usual = _of_model_index(name)
    if not (weights or usual):
        raise ValueError(f'The detector {name} has no weights; give some (det_weights).')
    ids = (0,) if cat_ids is None else cat_ids
    ids = (ids,) if isinstance(ids, int) else tuple(ids)
    weights = os.fspath(weights or usual)
    if not is_url(weights):
        check_file(weights)
    return FoundDetector(name, cfg, weights, ids)


class _Detector(DetInferencer):
    """MMDetection's inferencer for weights that are checked and complete."""

    def __init__(self, found: FoundDetector, device: str | None) -> None:
        self._found = found
        weights = fetch(found.weights)
        self._state = state_dict_of(read_file(weights), found.weights)
        super().__init__(found.cfg, weights, device, 'mmdet', show_progress=False)

    def _load_weights_to_model(
        self, model: nn.Module, checkpoint: dict, cfg: Config
    ) -> None:
        """Load weights; MMEngine would load those that match, and print the others.

        Raises:
            ValueError: If they are of another detector.
        """
        state, name, weights = self._state, self._found.name, self._found.weights
        wanted = {key: value.shape for key, value in model.named_parameters()}
        known = [key for key in wanted if key in state]
        wrong = [key for key in known if state[key].shape != wanted[key]]
        if not known or wrong:
            which = f'{wrong[0]} has another shape' if wrong else 'no name is the same'
            raise ValueError(f'{weights} is not of the detector {name}: {which}.')
        if not any(key.startswith('backbone.') for key in state):
            # It is frozen, and in the file that the config names.
            initialize(model.backbone, cfg.model.backbone.init_cfg)
            backbone = model.backbone.state_dict(prefix='backbone.')
            checkpoint = dict(checkpoint, state_dict={**state, **backbone})
        super()._load_weights_to_model(model, checkpoint, cfg)
        del self._state

    def _init_collate(self, cfg: Config) -> Callable:
        """Collate as MMEngine does, without its warning that MMDetection has no registry of
        functions."""
        return pseudo_collate


def build_detector(found: FoundDetector, device: str | None) -> DetInferencer:
    """Build a detector and run it once; a ValueError says why it does not run.

    Its weights are downloaded once if needed.
    """
    try:
        detector = _Detector(found, device)
        # Otherwise every image would fail on an operator that mmcv-lite lacks.
        detector(np.zeros((64, 64, 3), np.uint8), return_datasamples=True)
    except (AttributeError, KeyError, RuntimeError, TypeError) as error:
        raise ValueError(f'The detector {found.name} does not run: {error}') from error
    return detector


def detect(
    detector: DetInferencer,
    cat_ids: Sequence[int],
    image: np.ndarray,
    bbox_thr: float,
    nms_thr: float,
) -> np.ndarray:
    """Detect persons as MMPose's inferencer does: xyxy in pixels and score, N x 5."""
    return detect_in_batch(detector, cat_ids, [image], bbox_thr, nms_thr)[0]


def detect_in_batch(
    detector: DetInferencer,
    cat_ids: Sequence[int],
    images: Sequence[np.ndarray],
    bbox_thr: float,
    nms_thr: float,
) -> list[np.ndarray]:
    """Detect persons on several images; see :func:`detect`.

    Images of one size go through the detector together; others would be padded.
    """
    rows: dict[tuple[int, ...], list[int]] = {}
    for row, image in enumerate(images):
        rows.setdefault(image.shape, []).append(row)
    found = {}
    for own in rows.values():
        alike = [images[row] for row in own]
        results = detector(alike, batch_size=len(alike), return_datasamples=True)
        found.update(zip(own, results['predictions'], strict=True))
    return [
        _persons(found[row].pred_instances.cpu().numpy(), cat_ids, bbox_thr, nms_thr)
        for row in range(len(images))
    ]


def _persons(
    instances: InstanceData, cat_ids: Sequence[int], bbox_thr: float, nms_thr: float
) -> np.ndarray:
    """Return the persons among what was detected on an image, N x 5."""
    kept = np.isin(instances.labels, cat_ids) & (instances.scores > bbox_thr)
    bboxes = np.column_stack([instances.bboxes, instances.scores])[kept]  # N, 5
    return bboxes[nms(bboxes, nms_thr)] if len(bboxes) else bboxes


def _of_model_index(name: str) -> tuple[Config, str]:
    """Find a detector in MMDetection's model index, as its inferencer does."""
    folder = BaseInferencer._get_repo_or_mim_dir('mmdet')
    for entry in BaseInferencer._get_models_from_metafile(folder):
        aliases = entry.get('Alias', [])
        aliases = [aliases] if isinstance(aliases, str) else aliases
        if name.lower() in (entry['Name'].lower(), *(each.lower() for each in aliases)):
            weights = entry['Weights']
            weights = weights[0] if isinstance(weights, list) else weights
            return Config.fromfile(os.path.join(folder, entry['Config'])), weights
    raise ValueError(
        f'Unknown detector {name!r}; give a config or a name of MMDetection, or one of '
        f'{", ".join([*PACKAGED_DETECTORS, *DETECTORS])}.'
    )
