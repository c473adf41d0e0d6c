"""An adapter in two files, named as peft's: numbers in one, JSON in the other."""

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load, save

from vlpose_mm.checkpoint.adapter import check_content
from vlpose_mm.checkpoint.metadata import KEY, decode, encode, metadata_of
from vlpose_mm.checkpoint.text_features import read_text_features
from vlpose_mm.local_files import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from vlpose_mm.version import __version__

# Of what the files hold; others are not read.
FORMAT = 1
# What the meta information keeps: the run, its config, and the keypoints.
META = ('experiment_name', 'epoch', 'iter', 'seed', 'time', 'cfg', 'dataset_meta')
# How the names of token states begin among the tensors, and where the classes are.
TEXT_FEATURES = 'text_features.'
CLASSES = 'scenario_classifier._extra_state'


def encode_folder(content: Mapping[str, Any], facts: Mapping) -> dict[str, bytes]:
    """Turn an adapter checkpoint into the files of a folder.

    Args:
        content (Mapping): Its ``state_dict``, and ``meta`` and ``text_features`` if any.
        facts (Mapping): What else others should know, ready for JSON, such as
            ``base_model_name_or_path`` and ``license``.

    Returns:
        dict[str, bytes]: The content of each file by name.

    Raises:
        ValueError: If the checkpoint is not a whole one of an adapter.
    """
    weights = content['state_dict']
    metadata = metadata_of(weights)
    check_content(weights, metadata)
    tensors = {name: tensor for name, tensor in weights.items() if name != KEY}
    config = dict(format_version=FORMAT, vlpose_mm_version=__version__, **facts)
    if CLASSES in weights:
        classes = json.loads(bytes(weights[CLASSES].cpu().tolist()))
        keys = ('scenario', 'group', 'text_prompt')
        config['scenario_classes'] = [dict(zip(keys, c, strict=True)) for c in classes]
    features = content.get('text_features')
    if features is not None:
        states = read_text_features(features, 'The checkpoint').values()
        tensors |= {f'{TEXT_FEATURES}{i}': state for i, state in enumerate(states)}
        config['text'] = {k: v for k, v in features.items() if k != 'last_hidden_state'}
    meta = content.get('meta') or {}
    config['meta'] = _plain({key: meta[key] for key in META if key in meta})
    # Safetensors refuses tensors that share memory.
    tensors = {n: t.detach().cpu().contiguous().clone() for n, t in tensors.items()}
    stream = save(tensors, dict(format='pt'))
    config['adapter'] = metadata
    config['weights_sha256'] = hashlib.sha256(stream).hexdigest()
    # An entry a line, as some are long.
    lines = [f'  {json.dumps(key)}: {json.dumps(each)}' for key, each in config.items()]
    text = '{\n' + ',\n'.join(lines) + '\n}\n'
    return {ADAPTER_WEIGHTS: stream, ADAPTER_CONFIG: text.encode()}


def read_folder(folder: str) -> dict[str, Any]:
    """Read the content of the adapter checkpoint that a folder was made of.

    Raises:
        OSError: If a file is missing.
        ValueError: If a file is broken, or of another library or adapter.
    """
    config = read_adapter_config(folder)
    path = os.path.join(folder, ADAPTER_WEIGHTS)
    with open(path, 'rb') as file:
        stream = file.read()
    try:
        if hashlib.sha256(stream).hexdigest() != config['weights_sha256']:
            raise ValueError(f'{ADAPTER_CONFIG} gives another SHA-256')
        tensors = load(stream)
    except (ValueError, SafetensorError) as error:
        raise ValueError(
            f'{path} is broken, or of another adapter ({error}); download or write both '
            'files again.'
        ) from error
    states = [name for name in tensors if name.startswith(TEXT_FEATURES)]
    states = [tensors.pop(f'{TEXT_FEATURES}{i}', None) for i in range(len(states))]
    tensors[KEY] = encode(config['adapter'])
    content = dict(state_dict=tensors, meta=config['meta'])
    if 'text' in config:
        content['text_features'] = dict(config['text'], last_hidden_state=states)
    return content


def read_adapter_config(folder: str) -> dict[str, Any]:
    """Read the JSON of a folder, and check that both files are there."""
    for name in (ADAPTER_CONFIG, ADAPTER_WEIGHTS):
        if not os.path.isfile(os.path.join(folder, name)):
            raise FileNotFoundError(
                f'The folder {folder} has no {name}; an adapter is written there with '
                'python -m vlpose_mm.tools.checkpoint share.'
            )
    path = os.path.join(folder, ADAPTER_CONFIG)
    try:
        with open(path, encoding='utf-8') as file:
            config = json.load(file)
        if 'peft_type' in config:
            raise ValueError(f'it is of peft, {config["peft_type"]}')
        if config['format_version'] != FORMAT:
            raise ValueError(
                f'its format is {config["format_version"]}; vlpose_mm {__version__} reads '
                f'{FORMAT}'
            )
        decode(encode(config['adapter']))
        config['weights_sha256'].encode()
        for key in ('meta', 'text'):
            if not isinstance(config.get(key, {}), dict):
                raise ValueError(f'{key} is {config[key]!r:.80}')
        config['meta'] = _restored(config['meta'])
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        reason = f'it has no {error}' if isinstance(error, KeyError) else error
        raise ValueError(
            f'{path} does not describe an adapter of vlpose_mm ({reason}).'
        ) from error
    return config


def _plain(value: Any) -> Any:
    """Make a value ready for JSON; see :func:`_restored`."""
    if isinstance(value, np.ndarray):
        return dict(dtype=str(value.dtype), values=value.tolist())
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value


def _restored(value: Any) -> Any:
    """Return what :func:`_plain` was given, with lists for tuples."""
    if isinstance(value, list):
        return [_restored(each) for each in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {'dtype', 'values'}:
        dtype = np.dtype(value['dtype'])
        # Others could be of any size.
        if dtype.kind not in 'biuf':
            raise ValueError(f'it has an array of {dtype}')
        return np.array(value['values'], dtype)
    # The keys of JSON are text, and keypoints have numbers.
    return {int(k) if k.isdigit() else k: _restored(v) for k, v in value.items()}
