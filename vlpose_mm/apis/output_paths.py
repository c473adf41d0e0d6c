"""Choose where the drawing of each input is written."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from vlpose_mm.apis.inputs import Item


def drawing_path(name: str, folder: str, suffix: str | None = None) -> str:
    """Return the path of a drawing, which is never outside of its folder.

    Args:
        name (str): Name of the input: a relative path or a URL.
        folder (str): Folder of the drawings.
        suffix (str, optional): Appended if the name does not end with it; by default
            ``.jpg``, unless the name ends like a JPEG or PNG.
    """
    if '://' in name:
        # Not by ``urlsplit``, which refuses malformed URLs.
        place, _, query = name.partition('://')[2].partition('#')[0].partition('?')
        name = f'{place}_{query.replace("/", "_")}' if query else place
    parts = PurePosixPath(name).parts
    safe = [_short(part) for part in parts if part not in ('..', '/', '.')] or ['image']
    suffixes = (suffix,) if suffix else ('.jpg', '.jpeg', '.png')
    if not safe[-1].lower().endswith(suffixes):
        # The old suffix stays, as there may be an image with each.
        safe[-1] += suffixes[0]
    return os.path.join(folder, *safe)


def drawing_paths(items: Sequence[Item], out_dir: str) -> dict[str, str]:
    """Return a path for each item by its name; no two are the same.

    Args:
        items (Sequence[Item]): The inputs.
        out_dir (str): Images go to its folder ``drawings``, videos to ``videos``.
    """
    paths, taken = {}, set()
    for item in items:
        kind, suffix = ('videos', '.mp4') if item.is_video else ('drawings', None)
        path = drawing_path(item.name, os.path.join(out_dir, kind), suffix)
        stem, end = os.path.splitext(path)
        count = 1
        while path in taken:
            count += 1
            path = f'{stem} ({count}){end}'
        taken.add(path)
        paths[item.name] = path
    return paths


def is_inside(place: object, folders: Sequence[str]) -> bool:
    """Return whether an input lies in one of some absolute folders."""
    if not isinstance(place, str) or '://' in place:
        return False
    path = Path(os.path.abspath(place))
    return any(path.is_relative_to(folder) for folder in folders)


def _short(part: str) -> str:
    """Shorten a part of a path that file systems would refuse."""
    if len(os.fsencode(part)) <= 200:
        return part
    digest = hashlib.sha256(os.fsencode(part)).hexdigest()[:8]
    return f'{part[:40]}-{digest}{os.path.splitext(part)[1][:10]}'
