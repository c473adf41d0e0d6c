"""Configs of MMEngine's new style, whose types are classes."""

from collections.abc import Sequence
from typing import Any

from mmengine.config import Config
from mmpose.registry import DATASETS, KEYPOINT_CODECS, MODELS, TRANSFORMS

REGISTRIES = (MODELS, TRANSFORMS, DATASETS, KEYPOINT_CODECS)


def with_classes(cfg: Config, keys: Sequence[str]) -> Config:
    """Return a copy of a config with the classes that these settings name."""
    cfg = Config(cfg.to_dict())
    for key in keys:
        cfg[key] = _with_classes(cfg[key].to_dict())
    return cfg


def _with_classes(setting: Any) -> Any:
    if isinstance(setting, list):
        return [_with_classes(each) for each in setting]
    if not isinstance(setting, dict):
        return setting
    setting = {key: _with_classes(value) for key, value in setting.items()}
    if 'type' in setting:
        found = [registry.get(setting['type']) for registry in REGISTRIES]
        setting['type'] = next(filter(None, found), setting['type'])
    return setting
