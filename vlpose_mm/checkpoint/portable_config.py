"""The config of an adapter, for other machines."""

import copy
import os
from typing import Any

from mmengine.config import Config

from vlpose_mm.local_files import is_url
from vlpose_mm.names import MINILM, PACKAGED, find_entry


def base_name(place: str) -> str:
    """Name a base so that others find it.

    Args:
        place (str): URL or file of its weights, or name of a model in an index.

    Returns:
        str: The URL, the name of a model in the package, or else the file's name.
    """
    for name, packaged in PACKAGED.items():
        if place == name or place.replace(os.sep, '/').endswith(packaged.base_weights):
            return name
    if is_url(place) or os.path.splitext(place)[1]:
        return _short(place)
    return (find_entry(place) or {}).get('Weights') or _short(place)


def portable_config(cfg: Config, base: str | None = None) -> Config:
    """Copy the config that an adapter was tuned with, without the paths of this machine.

    Of absolute paths only the last part is kept. A text encoder in a local folder is left
    to the text features that the adapter holds.

    Args:
        cfg (Config): The config.
        base (str, optional): Name of the base, see :func:`base_name`; by default that of
            the config.

    Raises:
        ValueError: If the text encoder is in a local folder and has learned context tokens.
    """
    values = copy.deepcopy(cfg.to_dict())
    model = values['model']
    place = base or model.get('base_weights') or values.get('load_from')
    if place:
        model['base_weights'] = values['load_from'] = base_name(place)
    encoder = model.get('text_encoder') or {}
    pretrained = encoder.get('pretrained')
    if pretrained and MINILM in pretrained:
        encoder['pretrained'] = f'{MINILM}/model'
    elif pretrained and (os.path.isabs(pretrained) or os.path.isdir(pretrained)):
        if encoder.get('context_tokens'):
            raise ValueError(
                f'The text encoder of the config is the folder {pretrained}, which others '
                'do not have; name it as it is called on the Hugging Face hub.'
            )
        own = {key: encoder[key] for key in ('combine',) if key in encoder}
        model['text_encoder'] = dict(type='PrecomputedTextEncoder', path='', **own)
    return Config(_without_paths(values))


def _without_paths(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_paths(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_without_paths(each) for each in value)
    return _short(value) if isinstance(value, str) else value


def _short(text: str) -> str:
    """Return the last part of an absolute path, and any other text as it is."""
    if not os.path.isabs(os.path.expanduser(text)):
        return text
    return os.path.basename(text.rstrip(os.sep)) + os.sep * text.endswith(os.sep)
