"""Files from the net, downloaded once."""

from __future__ import annotations

import hashlib
import os
import re
import string
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import quote, urlparse
from urllib.request import Request, urlopen

import torch
from filelock import FileLock
from mmengine.dist import barrier, is_main_process
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from vlpose_mm.checkpoint.hub import fetch_folder
from vlpose_mm.local_files import HUB, check_weights, is_url

# How long a server may be silent, in seconds.
TIMEOUT = 30
# Bytes that are read at once.
CHUNK = 2**20
# OpenMMLab and torch publish NAME-HASH.pth and NAME-HASH_DATE.pth.
HASH = re.compile(r'-([0-9a-f]{8,64})(?:_\d{8})?\.[a-z]+$')
COLUMNS = (
    TextColumn('{task.description}'),
    BarColumn(None),
    DownloadColumn(),
    TransferSpeedColumn(),
    TimeRemainingColumn(),
)


class DownloadError(OSError):
    """A file cannot be downloaded."""


def cached_path(url: str) -> str:
    """Return where a downloaded file is kept: where MMEngine looks for it as well."""
    name = os.path.basename(urlparse(url).path)
    return os.path.join(torch.hub.get_dir(), 'checkpoints', name)


def fetch(path: str) -> str:
    """Download a file, unless it is cached; see :func:`fetch_all`."""
    return fetch_all([path])[0]


def fetch_all(paths: Sequence[str]) -> list[str]:
    """Download files, unless they are cached; in distributed runs one process does it.

    A file whose name ends in a hash, as published ones do, is checked against it. If its
    download breaks off, the next call goes on from there.

    Args:
        paths (Sequence[str]): URLs and local files; also folders of adapters, local or on
            the Hugging Face hub.

    Returns:
        list[str]: The local files and folders.

    Raises:
        OSError: If one cannot be downloaded whole; a :class:`DownloadError` names all that
            are missing.
        FileNotFoundError: If there is no such local file.
    """
    for path in paths:
        check_weights(path)
    urls = list(filter(is_url, paths))
    for url in urls:
        target = cached_path(url)
        if is_main_process() and not os.path.isfile(target):
            try:
                _download(url, target)
            except (OSError, RuntimeError, ValueError, HTTPException) as error:
                reason = getattr(error, 'reason', None) or error
                kept = os.path.isfile(f'{target}.part')
                others = [
                    f', and {each} at {cached_path(each)}'
                    for each in urls
                    if each != url and not os.path.isfile(cached_path(each))
                ]
                raise DownloadError(
                    f'Cannot download {url} ({reason}). '
                    + 'What has arrived is kept; the next call goes on there. ' * kept
                    + 'On a machine without network, download it elsewhere and put it '
                    + f'at {target}{"".join(others)}.'
                ) from error
    barrier()
    paths = [cached_path(path) if is_url(path) else path for path in paths]
    return [fetch_folder(path) if path.startswith(HUB) else path for path in paths]


def _download(url: str, target: str) -> None:
    """Download a file and check that it is whole; other processes wait for it."""
    os.makedirs(os.path.dirname(target), exist_ok=True)
    part, lock = f'{target}.part', f'{target}.lock'
    found = HASH.search(os.path.basename(target))
    with FileLock(lock):
        if not os.path.isfile(target):
            try:
                _receive(url, part, resume=found is not None)
                _check(part, found and found[1])
                os.replace(part, target)
            finally:
                # Without a hash nothing would tell whether the rest belongs to it.
                if found is None:
                    with suppress(FileNotFoundError):
                        os.unlink(part)
    # Who waits for the lock, or comes later, finds the file.
    with suppress(FileNotFoundError):
        os.unlink(lock)


def _receive(url: str, part: str, resume: bool) -> None:
    """Write what a server sends, behind what an earlier call has received."""
    start = os.path.getsize(part) if resume and os.path.isfile(part) else 0
    request = Request(quote(url, safe=string.punctuation))
    # Some servers refuse Python's own.
    request.add_header('User-Agent', 'vlpose_mm')
    if start:
        request.add_header('Range', f'bytes={start}-')
    try:
        response = urlopen(request, timeout=TIMEOUT)
    except HTTPError as error:
        if start and error.code == 416:
            # There is no more of it.
            return
        raise
    with response:
        # Otherwise the server sends it from the start.
        is_rest = response.status == 206
        start = start if is_rest else 0
        length = response.headers['Content-Length']
        total = length and start + int(length)
        console = Console(stderr=True)
        with (
            open(part, 'ab' if is_rest else 'wb') as file,
            Progress(*COLUMNS, console=console) as progress,
        ):
            task = progress.add_task(os.path.basename(url), total=total, completed=start)
            while chunk := response.read(CHUNK):
                file.write(chunk)
                progress.advance(task, len(chunk))
            size = file.tell()
    if total is not None and size < total:
        raise OSError(f'it broke off after {size:,} of {total:,} bytes')


def _check(path: str, digest: str | None) -> None:
    """Check that a file is whole; delete it otherwise."""
    if digest is None:
        # Of a server that does not say how long it is; archives end in their directory.
        with open(path, 'rb') as file:
            is_archive = file.read(4) == b'PK\x03\x04'
        if is_archive and not zipfile.is_zipfile(path) or not os.path.getsize(path):
            raise OSError('it broke off')
        return
    sha256 = hashlib.sha256()
    with open(path, 'rb') as file:
        while chunk := file.read(CHUNK):
            sha256.update(chunk)
    if not sha256.hexdigest().startswith(digest):
        os.unlink(path)
        raise OSError(
            f'its hash is {sha256.hexdigest()[: len(digest)]}, not the {digest} of its '
            'name, so it was deleted'
        )
