"""Weights from the net, fetched once."""

import os
import shutil
import string
import urllib.request
from http.client import HTTPException
from urllib.parse import quote, urlparse

import torch
from rich.console import Console
from rich.progress import wrap_file

from vlpose_mm.checkpoint.io import replace_file

# How long a server may keep silent, in seconds.
TIMEOUT = 30


def cached_path(url: str) -> str:
    """Tell where a file from the net is kept.

    Args:
        url (str): Its address.

    Returns:
        str: Where MMEngine keeps and looks for it as well.
    """
    name = os.path.basename(urlparse(url).path)
    return os.path.join(torch.hub.get_dir(), 'checkpoints', name)


def fetch(place: str) -> str:
    """Fetch a file, unless it has been fetched before.

    Args:
        place (str): Its address, or a file on this machine.

    Returns:
        str: The file.

    Raises:
        OSError: If there is no such file, or the address cannot be reached or breaks off;
            nothing of it is kept then.
    """
    if not place.startswith(('http://', 'https://')):
        if not os.path.isfile(place):
            raise FileNotFoundError(f'There is no file {place}.')
        return place
    path = cached_path(place)
    if os.path.isfile(path):
        return path
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        quoted = quote(place, safe=string.punctuation)
        with urllib.request.urlopen(quoted, timeout=TIMEOUT) as answer:
            told = int(answer.headers.get('Content-Length') or 0)
            with replace_file(path) as file:
                shown = wrap_file(
                    answer,
                    told,
                    description=os.path.basename(path),
                    console=Console(stderr=True),
                )
                with shown as reader:
                    shutil.copyfileobj(reader, file)
                if told and file.tell() != told:
                    raise OSError(f'it broke off after {file.tell()} of {told} bytes')
    except (OSError, ValueError, HTTPException) as error:
        reason = getattr(error, 'reason', None) or error
        raise OSError(
            f'Cannot fetch {place} ({reason}). On a machine without network, fetch it '
            f'elsewhere and put it at {path}.'
        ) from error
    return path
