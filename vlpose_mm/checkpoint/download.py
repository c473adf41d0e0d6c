"""Files from the net, downloaded once."""

import os
import re
import socket
import string
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from urllib.parse import quote, urlparse

import torch
from mmengine.dist import barrier, is_main_process

from vlpose_mm.local_files import check_file, is_url

# How long a server may be silent, in seconds.
TIMEOUT = 30
# OpenMMLab and torch publish NAME-HASH.pth and NAME-HASH_DATE.pth.
HASH = re.compile(r'-([0-9a-f]{8,64})(?:_\d{8})?\.[a-z]+$')


def cached_path(url: str) -> str:
    """Return where a downloaded file is kept: where MMEngine looks for it as well."""
    name = os.path.basename(urlparse(url).path)
    return os.path.join(torch.hub.get_dir(), 'checkpoints', name)


def fetch(path: str) -> str:
    """Download a file, unless it is cached; in distributed runs one process does it.

    Args:
        path (str): A URL, or a local file. If the URL's name ends in a hash, as published
            ones do, the content is checked against it.

    Returns:
        str: The local file.

    Raises:
        OSError: If there is no such file, or it cannot be downloaded whole; nothing of it
            is kept then.
    """
    if not is_url(path):
        check_file(path)
        return path
    target = cached_path(path)
    if is_main_process() and not os.path.isfile(target):
        try:
            _download(path, target)
        except (OSError, RuntimeError, ValueError, HTTPException) as error:
            reason = getattr(error, 'reason', None) or error
            raise OSError(
                f'Cannot download {path} ({reason}). On a machine without network, '
                f'download it elsewhere and put it at {target}.'
            ) from error
    barrier()
    return target


def _download(url: str, target: str) -> None:
    """Download a file and check that it is whole."""
    folder, name = os.path.split(target)
    os.makedirs(folder, exist_ok=True)
    found = HASH.search(name)
    with tempfile.TemporaryDirectory(dir=folder) as temporary, _socket_timeout():
        part = os.path.join(temporary, name)
        quoted = quote(url, safe=string.punctuation)
        torch.hub.download_url_to_file(quoted, part, found and found[1])
        # Without a hash torch keeps what breaks off; archives end in their directory.
        with open(part, 'rb') as file:
            is_archive = file.read(4) == b'PK\x03\x04'
        if is_archive and not zipfile.is_zipfile(part) or not os.path.getsize(part):
            raise OSError('it broke off')
        os.replace(part, target)


@contextmanager
def _socket_timeout() -> Iterator[None]:
    """Give torch's download a timeout; it has none of its own."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
