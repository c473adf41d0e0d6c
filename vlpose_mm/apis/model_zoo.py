"""Find models by name, config, or checkpoint that holds its config."""

from __future__ import annotations

import copy
import hashlib
import os
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import torch
from mmengine.config import Config
from mmpose.datasets.transforms import PackPoseInputs
from mmpose.models.pose_estimators import (
    BottomupPoseEstimator,
    PoseLifter,
    TopdownPoseEstimator,
)
from mmpose.registry import DATASETS, MODELS, TRANSFORMS

from vlpose_mm.checkpoint.download import fetch, fetch_all
from vlpose_mm.checkpoint.io import read_file, state_dict_of
from vlpose_mm.checkpoint.metadata import KEY, decode
from vlpose_mm.checkpoint.stored_config import stored_config
from vlpose_mm.datasets.transforms.text_prompt import AssignTextPrompt
from vlpose_mm.local_files import (
    ADAPTER_CONFIG,
    ADAPTER_WEIGHTS,
    HUB,
    check_file,
    is_url,
)
from vlpose_mm.models.pose_estimators.vlpose import VLPoseEstimator
from vlpose_mm.names import MINILM, PACKAGED, find_entry
from vlpose_mm.paths import config_path, package_root
from vlpose_mm.registry import find_class

CONFIGS = ('.py', '.json', '.yml', '.yaml')
# The ViT of MMPose's ViTPose, by both names of its package, which cannot be imported beside
# transformers 5; and ours, which equals it without visual prompts.
MMPRETRAIN_VIT = ('mmpretrain.VisionTransformer', 'mmcls.VisionTransformer')
VIT = 'PromptedVisionTransformer'


class FoundModel(NamedTuple):
    """A model, ready to be built."""

    name: str  # Its name, for messages.
    # Its config; ``model.base_weights`` is a local file where the weights need it.
    cfg: Config
    weights: str  # Local file of its weights, or folder of its adapter.
    is_tuned: bool  # Whether they are tuned, or those of the base alone.
    base: str | None = None  # Hash of the base that they are an adapter checkpoint of.

    def digest(self) -> str:
        """Return a digest of the files of weights."""
        paths, digest = [self.weights], hashlib.sha256()
        if os.path.isdir(self.weights):
            names = ADAPTER_CONFIG, ADAPTER_WEIGHTS
            paths = [os.path.join(self.weights, name) for name in names]
        for path in paths:
            with open(path, 'rb') as file:
                while chunk := file.read(2**20):
                    digest.update(chunk)
        return digest.hexdigest()[:16]


def find_model(
    model: str | os.PathLike | Config,
    weights: str | os.PathLike | None = None,
    base_weights: str | os.PathLike | None = None,
    beside: Callable[[str, Config], Sequence[str]] | None = None,
) -> FoundModel:
    """Find the config and the weights of a model; download them once if needed.

    Args:
        model (str | os.PathLike | Config): A name of :data:`PACKAGED`, of the model index
            or of a top-down model of MMPose, see :func:`find_entry`; path of a config; a
            config; or a checkpoint that holds its config.
        weights (str | os.PathLike, optional): Whole or adapter checkpoint, file or URL, or
            an adapter's folder, local or on the Hugging Face hub; by default that of the
            model index, or ``load_from``, which is the base's. Those of a VLPose bring
            their config where ``model`` is MMPose's.
        base_weights (str | os.PathLike, optional): The base's checkpoint for an adapter
            checkpoint; by default ``model.base_weights`` of the config, or else the
            weights of ``model``.
        beside (Callable, optional): Returns, for a model's name and config, files and URLs
            that are needed beside it: they are downloaded at once, or named by one error.

    Returns:
        FoundModel: The model.

    Raises:
        OSError: If a file is missing or a URL cannot be reached.
        ValueError: If the model is unknown, or config and weights do not go together.
    """
    weights = weights and os.fspath(weights)
    base_weights = base_weights and os.fspath(base_weights)
    name, cfg, usual = _config_of(model, weights)
    place = weights or usual
    if not place:
        raise ValueError(
            f'{name} has no weights; give some (pose2d_weights=..., --weights FILE).'
        )
    others = [] if beside is None else beside(name, cfg)
    # Else a base may be missing as well.
    weights = fetch_all([place, *others] if _is_remote(place) else [place])[0]
    try:
        content = read_file(weights)
    except ValueError as error:
        if weights == place:
            raise
        raise ValueError(
            f'{error} It was downloaded from {place}; delete it to download it again.'
        ) from error
    state = state_dict_of(content, weights)
    identity = decode(state[KEY]) if KEY in state else None
    if identity is not None and not _is_vlpose(cfg):
        name, cfg = weights, _stored_config(content, weights)
    if identity is not None and 'base' in identity:
        bases = [cfg.model.get('base_weights'), cfg.get('load_from')]
        bases = [base_weights] if base_weights else [*bases, usual]
        cfg.model.base_weights = _fetch_base(
            weights, [b for b in bases if b != place], others
        )
    elif base_weights is not None:
        raise ValueError(f'{weights} is not an adapter checkpoint; omit the base weights.')
    fetch_all(others)
    if not _is_vlpose(cfg):
        _adapt(cfg)
    base = (identity or {}).get('base', {}).get('sha256')
    return FoundModel(name, cfg, weights, identity is not None, base)


def check_device(device: str | None) -> None:
    """Refuse a missing device before anything is loaded."""
    try:
        torch.empty(0, device=device)
    except (AssertionError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f'Cannot run on {device!r}: {reason}') from error


def demo_images() -> Path:
    """Return the folder of the drawn images of ``vlpose demo``."""
    return package_root() / 'projects/mini_humanart/images'


def read_config(path: str) -> Config:
    """Read a config."""
    try:
        return Config.fromfile(path)
    except Exception as error:
        # A config is a program, and may fail in any way.
        reason = f'{type(error).__name__}: {error}'
        raise ValueError(f'The config {path} cannot be read ({reason}).') from error


def _config_of(
    model: str | os.PathLike | Config, weights: str | None
) -> tuple[str, Config, str | None]:
    """Return name, config and default weights of a model."""
    if isinstance(model, Config):
        cfg = copy.deepcopy(model)
        _check_config(cfg, 'The config')
        return cfg.filename or 'the model', cfg, cfg.get('load_from')
    given = os.fspath(model)
    if given.lower() in PACKAGED:
        return given.lower(), *_packaged(given.lower())
    entry = find_entry(given)
    if entry is not None:
        cfg = read_config(entry['Config'])
        _check_config(cfg, entry['Name'])
        return entry['Name'], cfg, entry.get('Weights')
    suffix = os.path.splitext(given)[1].lower()
    if suffix not in CONFIGS:
        if weights is not None:
            raise ValueError(
                f'{given} and {weights} are both weights; give a config or a name, and one '
                'checkpoint.'
            )
        path = fetch(given)
        return given, _stored_config(read_file(path), path), path
    check_file(given)
    cfg = read_config(given)
    _check_config(cfg, given)
    return given, cfg, cfg.get('load_from')


def _is_remote(place: str) -> bool:
    return is_url(place) or place.startswith(HUB)


def _stored_config(content: dict, path: str) -> Config:
    """Return the config in a checkpoint, with the text encoder of this machine."""
    cfg = stored_config(content, path)
    _check_config(cfg, f'The config in {path}')
    encoder = cfg.model.get('text_encoder') or {}
    is_missing = 'path' in encoder and not os.path.isfile(encoder.path)
    if MINILM in str(encoder.get('pretrained')):
        encoder.pretrained = _minilm() or encoder.pretrained
        is_missing = _minilm() is None
    if is_missing and content.get('text_features'):
        # The adapter has the text features that it was tuned with.
        path = os.path.join(path, ADAPTER_CONFIG) if os.path.isdir(path) else path
        own = {key: encoder[key] for key in ('combine',) if key in encoder}
        cfg.model.text_encoder = dict(type='PrecomputedTextEncoder', path=path, **own)
    return cfg


def _minilm() -> str | None:
    """Return the folder of the text encoder in a package, if that is installed."""
    package = find_spec(MINILM)
    if package is None:
        return None
    return os.path.join(package.submodule_search_locations[0], 'model')


def _packaged(name: str) -> tuple[Config, str]:
    """Return config and weights of a model in the package."""
    found, folder = PACKAGED[name], package_root() / 'projects'
    cfg = Config.fromfile(str(folder / found.config))
    weights = str(folder / found.weights)
    cfg.model.base_weights = str(folder / found.base_weights)
    # Without the encoder's package, the checkpoint has the features of the scenarios.
    cfg.model.text_encoder = dict(type='PrecomputedTextEncoder', path=weights)
    minilm = _minilm()
    if minilm is not None:
        cfg.model.text_encoder = dict(type='TransformersTextEncoder', pretrained=minilm)
    return cfg, weights


def _fetch_base(weights: str, places: list[str | None], others: Sequence[str]) -> str:
    """Return the local file of an adapter's base, the first of these that there is."""
    places = list(filter(None, places))
    if not places:
        raise ValueError(
            f'{weights} is an adapter checkpoint; give the checkpoint of its base as '
            'well (base_weights=..., --base-weights FILE).'
        )
    for place in places:
        if place in PACKAGED:
            return str(package_root() / 'projects' / PACKAGED[place].base_weights)
        if '://' in place or os.path.isfile(place):
            return fetch_all([place, *others])[0]
    raise FileNotFoundError(
        f'{weights} is an adapter checkpoint, and there is no file {places[0]}, where '
        'its base should be; give it (base_weights=..., --base-weights FILE).'
    )


def _check_config(cfg: Config, name: str) -> None:
    """Refuse a config that cannot run."""
    missing = [key for key in ('model', 'test_dataloader') if not cfg.get(key)]
    if missing:
        raise ValueError(f'{name} has no {missing[0]}; give the config of a model.')
    estimator = find_class(MODELS, cfg.model.get('type'))
    if estimator is None:
        raise ValueError(
            f'{name} has the model {cfg.model.get("type")!r}, unknown to MMPose.'
        )
    kind = estimator.__name__
    dataset = find_class(DATASETS, cfg.get('dataset_type', 'CocoDataset'))
    if issubclass(estimator, BottomupPoseEstimator):
        kind = f'bottom-up model ({kind})'
    elif issubclass(estimator, PoseLifter) or (dataset and '3d.' in dataset.__module__):
        kind = f'3D model ({kind})'
    elif issubclass(estimator, TopdownPoseEstimator):
        return
    raise ValueError(
        f'{name} is a {kind}, not a top-down 2D model; use MMPoseInferencer for it.'
    )


def _is_vlpose(cfg: Config) -> bool:
    """Whether the model of a config is VLPose."""
    return issubclass(find_class(MODELS, cfg.model.type), VLPoseEstimator)


def _adapt(cfg: Config) -> None:
    """Let the config of a model of MMPose run here, with the same results."""
    if cfg.model.backbone.get('type') in MMPRETRAIN_VIT:
        cfg.model.backbone.type = VIT
        # Of mmcls, which returned the class token beside the feature map if it was True.
        cfg.model.backbone.pop('output_cls_token', None)
    pipeline = cfg.test_dataloader.dataset.pipeline
    kinds = [find_class(TRANSFORMS, transform['type']) for transform in pipeline]
    if AssignTextPrompt not in kinds and kinds[-1] is PackPoseInputs:
        ending = Config.fromfile(config_path('_base_/datasets/pack_with_text.py'))
        pipeline[-1:] = ending.pack_with_text
