"""What a checkpoint holds; no model is built."""

from collections.abc import Mapping
from typing import Any

from mmengine.logging import HistoryBuffer
from torch import Tensor

from vlpose_mm.checkpoint.adapter import base_hash, base_of, part_of
from vlpose_mm.checkpoint.io import STATE_DICT_KEYS, state_dict_of
from vlpose_mm.checkpoint.metadata import KEY, decode
from vlpose_mm.checkpoint.text_features import read_text_features

# What an estimator of MMPose may have besides backbone and head; the latter is fitted.
BESIDES = {'neck', 'scenario_classifier'}
# The meta information that identifies a run.
META = ('experiment_name', 'epoch', 'iter', 'seed', 'time')


def describe_checkpoint(content: Mapping[str, Any], path: str) -> dict:
    """Describe the content of a checkpoint.

    Args:
        content (Mapping): What :func:`vlpose_mm.checkpoint.io.read_file` returns.
        path (str): The file, for errors.

    Returns:
        dict: Ready for JSON.

        - ``kind`` (str): ``'full'`` or ``'adapter'`` VLPose, ``'base'`` (an estimator of
          MMPose), ``'text features'`` alone, or ``'unknown'``.
        - ``parts`` (list[dict]): ``name``, ``tensors`` and ``bytes`` of each part.
        - ``total`` (dict): ``tensors`` and ``bytes`` of all parts.
        - ``further`` (dict[str, int]): Bytes of the numbers in each other entry, such as
          ``text_features`` or ``optimizer``.
        - ``hyperparameters`` (dict): Those of a VLPose that no shape shows.
        - ``base_sha256`` (str): The hash of the base of a VLPose; else ``None``.
        - ``text`` (dict): ``text_prompts`` (list[str]) and ``width`` of the text features;
          ``None`` without them.
        - ``meta`` (dict): ``experiment_name``, ``epoch`` and the like, of the training.

    Raises:
        ValueError: If the file holds neither weights nor text features.
    """
    features = content.get('text_features')
    if 'text_prompts' in content and 'last_hidden_state' in content:
        kind, weights, features = 'text features', {}, content
    else:
        kind, weights = 'unknown', state_dict_of(content, path)
    metadata = {}
    if KEY in weights:
        metadata = decode(weights[KEY])
        kind = 'adapter' if 'base' in metadata else 'full'
    elif {name.split('.')[0] for name in weights} - BESIDES == {'backbone', 'head'}:
        kind = 'base'
    if kind == 'full':
        sha256 = base_hash(base_of(weights, metadata['adapter_params']))
    else:
        sha256 = metadata.get('base', {}).get('sha256')
    text = None
    if features is not None:
        states = read_text_features(features, path)
        text = dict(text_prompts=[*states], width=next(iter(states.values())).shape[1])
    own = {*STATE_DICT_KEYS, 'meta'}
    is_bare = not any(isinstance(content.get(key), Mapping) for key in STATE_DICT_KEYS)
    parts = _parts(weights, metadata.get('adapter_params', []))
    meta = content['meta'] if isinstance(content.get('meta'), Mapping) else {}
    return dict(
        kind=kind,
        parts=parts,
        total={key: sum(part[key] for part in parts) for key in ('tensors', 'bytes')},
        further={k: _bytes(content[k]) for k in content if not is_bare and k not in own},
        hyperparameters=metadata.get('hyperparameters', {}),
        base_sha256=sha256,
        text=text,
        meta={k: meta[k] for k in META if isinstance(meta.get(k), str | int | float)},
    )


def _parts(weights: Mapping[str, Tensor], adapter_params: list[str]) -> list[dict]:
    """Count what each part has, in the order of the names."""
    adapter_params, counts = set(adapter_params), {}
    for name, tensor in weights.items():
        part = part_of(name, adapter_params)
        count = counts.setdefault(part, dict(name=part, tensors=0, bytes=0))
        count['tensors'] += 1
        count['bytes'] += tensor.numel() * tensor.element_size()
    return list(counts.values())


def _bytes(value: object) -> int:
    """Add up the bytes of all tensors and arrays in nested containers."""
    if isinstance(value, HistoryBuffer):
        value = value.data
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return sum(map(_bytes, value))
    return getattr(value, 'nbytes', 0)
