"""Files that are named by path, folder or glob; imports nothing large."""

from __future__ import annotations

import glob
import mimetypes
import os
from pathlib import Path
from typing import Any


def read_argument(text: str) -> str:
    """Return the text of an option, which is UTF-8 if it can be, whatever the locale."""
    try:
        return os.fsencode(text).decode()
    except UnicodeError:  # typed in the encoding of the locale
        return text


def is_url(place: str) -> bool:
    """Return whether a place is an address of the web."""
    return place.lower().startswith(('http://', 'https://'))


def check_file(path: str) -> None:
    """Raise a ``FileNotFoundError`` unless a path is that of a file."""
    if not os.path.isfile(path):
        raise FileNotFoundError(f'There is no file {path}.')


def check_place(place: str) -> None:
    """Raise the reason for which there is nothing at a path or glob."""
    if not os.path.exists(place) and not any(glob.iglob(place, recursive=True)):
        refuse(place)


def refuse(place: str) -> None:
    """Raise the reason for which no images and videos were found."""
    if os.path.isdir(place):
        raise ValueError(f'The folder {place} holds no images and no videos.')
    if _is_glob(place):
        raise ValueError(f'No file matches {place}.')
    raise FileNotFoundError(f'There is no file or folder {place}.')


def find_files(place: str) -> tuple[str, list[str]]:
    """Return the folder that names are relative to, and the files."""
    if os.path.isdir(place):
        return place, _walk(place)
    if not _is_glob(place):
        return os.path.dirname(place), [place] if os.path.exists(place) else []
    fixed = Path(place)
    while glob.has_magic(str(fixed)):
        fixed = fixed.parent
    files = []
    for path in sorted(glob.glob(place, recursive=True)):
        if not os.path.isdir(path):
            files.append(path)
        elif '**' not in place:
            files += _walk(path)
    return str(fixed), files


def kind_of(place: Any) -> str | None:
    """Return the kind of a file by its name: ``'image'``, ``'video'``, ... or ``None``."""
    if not isinstance(place, str):
        return None
    path = place.split('?')[0].split('#')[0] if is_url(place) else place
    kind = mimetypes.guess_type(path)[0]
    # Python 3.10 knows neither.
    if kind is None and Path(path).suffix.lower() in ('.webp', '.avif'):
        return 'image'
    return kind and kind.split('/')[0]


def _is_glob(place: str) -> bool:
    return glob.has_magic(place) and not os.path.exists(place)


def _walk(folder: str) -> list[str]:
    """Images and videos in a folder and its subfolders, except hidden ones."""
    files = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith('.'))
        paths = [os.path.join(parent, n) for n in sorted(names) if not n.startswith('.')]
        files += [path for path in paths if kind_of(path) in ('image', 'video')]
    return files
