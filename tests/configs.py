"""Resolved configs, and how two of them differ."""

import inspect
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

from tests.conftest import ROOT

ZOO = ROOT / 'configs/body_2d_keypoint/vlpose'
ABSENT = 'absent'
RUNNER = inspect.signature(Runner).parameters.keys()


def zoo_config(name: str, dataset: str = 'humanart') -> Path:
    """Path of a published config, such as ``'lora-base'``."""
    data = dataset.replace('_', '-')
    (path,) = (ZOO / dataset).glob(f'td-hm_VLPose-{name}_8xb*_{data}-256x192.py')
    return path


def read(path: Path) -> dict:
    """What the runner reads of a config."""
    return {k: v for k, v in Config.fromfile(path).to_dict().items() if k in RUNNER}


def flat(node: object, name: str = '') -> dict:
    """Every value below a node by its dotted name; lists are numbered from their end."""
    if isinstance(node, list | tuple):
        node = {i - len(node): value for i, value in enumerate(node)}
    if not isinstance(node, dict):
        return {name: node}
    found = {}
    for key, value in node.items():
        found |= flat(value, f'{name}.{key}' if name else str(key))
    return found


def differences(base: Path, other: Path) -> dict:
    """Values of the other config that the base does not have, by their dotted names."""
    return changes(read(base), read(other))


def changes(base: dict, other: dict) -> dict:
    """As :func:`differences`, of what was read already."""
    base, other = flat(base), flat(other)
    found = {key: other.get(key, ABSENT) for key in base.keys() | other.keys()}
    return {key: value for key, value in found.items() if value != base.get(key, ABSENT)}
