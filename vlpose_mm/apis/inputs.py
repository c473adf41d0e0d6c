"""List the images and videos that an inferencer is called with."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from mmengine.logging import print_log

from vlpose_mm.apis.videos import Video, count_frames, open_video
from vlpose_mm.datasets.image_io import as_bgr, read_image
from vlpose_mm.local_files import find_files, is_url, kind_of, refuse, shown

# What an input that is a dict may have beside its image.
OVERRIDES = ('scenario', 'text_prompt', 'route', 'bboxes')

Input = str | os.PathLike | int | np.ndarray | Mapping


class Source(NamedTuple):
    """One image that is not read yet."""

    name: str  # Unique among the inputs.
    path: str  # ``img_path`` of the pipeline; its folder may name the scenario.
    overrides: dict  # See :data:`OVERRIDES`.
    read: Callable[[], np.ndarray]  # Returns the image in BGR, H x W x 3.
    video: Video | None = None  # The video that it is a frame of.
    frame: int = 0  # Index of the frame.
    timestamp: float = 0.0  # Of the frame, in seconds after the first.
    is_file: bool = False  # Whether it is a local image file.


class Item(NamedTuple):
    """An image or a video among the inputs."""

    name: str  # Unique among the inputs.
    place: str | int | np.ndarray  # File, URL, index of a webcam, or array.
    overrides: dict  # See :data:`OVERRIDES`.
    is_video: bool  # Whether it has frames.

    @property
    def location(self) -> str:
        """str: Absolute path or URL; the name if it has neither."""
        if not isinstance(self.place, str):
            return self.name
        return self.place if is_url(self.place) else os.path.abspath(self.place)

    @property
    def key(self) -> str:
        """str: Digest of its location, its content's state and its overrides."""
        digest = hashlib.sha256(self.location.encode('utf-8', 'surrogateescape'))
        if isinstance(self.place, np.ndarray):
            digest.update(f'{self.place.shape}'.encode())
            digest.update(np.ascontiguousarray(self.place))
        elif os.path.isfile(self.location):
            state = os.stat(self.location)
            digest.update(f'{state.st_size} {state.st_mtime_ns}'.encode())
        overrides = {**self.overrides}
        if overrides.get('bboxes') is not None:
            overrides['bboxes'] = np.asarray(overrides['bboxes'], float).tolist()
        digest.update(json.dumps(overrides, sort_keys=True).encode())
        return digest.hexdigest()[:16]

    def sources(self) -> Iterator[Source]:
        """Yield its image, or its frames and, where they end early, a source that fails."""
        if not self.is_video:
            is_array = isinstance(self.place, np.ndarray)
            read = partial(as_bgr, self.place, self.name)
            if not is_array:
                read = partial(read_image, self.place)
            path = self.name if is_array else self.place
            is_file = not is_array and not is_url(self.place)
            yield Source(self.name, path, self.overrides, read, is_file=is_file)
            return
        video, frames = open_video(self.place, self.name)
        path = self.name if video.is_live else str(self.place)
        index = 0
        try:
            for index, (image, timestamp) in enumerate(frames):
                name = f'{self.name}#{index:06}'
                read = partial(as_bgr, image, name)
                yield Source(name, path, self.overrides, read, video, index, timestamp)
        except OSError as error:
            read = partial(_raise, error)
            yield Source(self.name, path, self.overrides, read, video, index)

    def count(self) -> int | None:
        """Return the number of its images; ``None`` if it is not known."""
        return count_frames(self.place) if self.is_video else 1


def find_items(inputs: Input | Sequence[Input]) -> tuple[list[Item], list[str]]:
    """List images and videos.

    Files of folders and globs that are neither are left out, with a warning.

    Args:
        inputs (str | os.PathLike | int | np.ndarray | Mapping | Sequence): A file; a folder
            (with its subfolders); a glob; a URL; the index of a webcam (or ``'webcam:0'``);
            an array in BGR, H x W x 3; a dict of one of these as ``image`` and any of
            :data:`OVERRIDES`; or a list of these.

    Returns:
        tuple[list[Item], list[str]]: In the order of the inputs; those of a folder or glob
        by name. Names are paths relative to the folder that all inputs share; an array is
        named by its index, such as ``'000000.jpg'``. And the names of the files that are
        left out.

    Raises:
        OSError: If the only input does not exist. A missing one in a list fails when it is
            read.
        TypeError: If an input is of another type.
        ValueError: If there are no images.
    """
    is_single = not isinstance(inputs, list | tuple)
    pairs = [_split(each) for each in ([inputs] if is_single else inputs)]
    if not pairs:
        raise ValueError('The list of images is empty.')
    found, roots, others = [], [], []
    for place, overrides in pairs:
        if isinstance(place, str) and not is_url(place):
            root, files, rest = find_files(place)
            root = os.path.abspath(root)
            if is_single and not files:
                refuse(place, [_name(each, root, 0) for each in rest])
            others += rest
            roots.append(root)
            files = files or {place: kind_of(place)}
            found += [(file, kind, overrides) for file, kind in files.items()]
        else:
            kind = 'video' if isinstance(place, int) else kind_of(place)
            found.append((place, kind, overrides))
    root = os.path.commonpath(roots) if roots else ''
    items, names = [], set()
    for place, kind, overrides in found:
        name = first = _name(place, root, len(items))
        count = 1
        # The same image twice, perhaps with another text prompt.
        while name in names:
            count += 1
            name = f'{first} ({count})'
        names.add(name)
        items.append(Item(name, place, overrides, kind == 'video'))
    skipped = [_name(place, root, 0) for place in others]
    if skipped:
        print_log(
            f'{shown(skipped)} skipped, neither an image nor a video.',
            logger='current',
            level=logging.WARNING,
        )
    return items, skipped


def _split(given: Input) -> tuple[str | int | np.ndarray, dict]:
    """Separate an input and its overrides."""
    overrides = {}
    if isinstance(given, Mapping):
        overrides = {k: v for k, v in given.items() if v is not None}
        unknown = [key for key in overrides if key not in ('image', *OVERRIDES)]
        if unknown or 'image' not in overrides:
            wrong = f'{unknown[0]!r} is unknown' if unknown else "'image' is missing"
            raise ValueError(f'{wrong} in an input; it has image and any of {OVERRIDES}.')
        given = overrides.pop('image')
    if isinstance(given, os.PathLike):
        given = os.fspath(given)
    if isinstance(given, str) and given.lower().startswith('webcam'):
        index = given.lower().removeprefix('webcam').lstrip(':') or '0'
        if not os.path.exists(given) and index.isdigit():
            given = int(index)
    if isinstance(given, bool) or not isinstance(given, str | int | np.ndarray):
        raise TypeError(
            'An input is a path, a URL, an array, the index of a webcam or a dict, got '
            f'{given!r:.80}.'
        )
    if isinstance(given, str) and not given:
        raise ValueError('The path of an image is blank.')
    return given, overrides


def _name(place: str | int | np.ndarray, root: str, index: int) -> str:
    if isinstance(place, np.ndarray):
        # As MMPose names it.
        return f'{index:06}.jpg'
    if isinstance(place, int):
        return f'webcam{place}'
    if is_url(place):
        return place
    return Path(os.path.relpath(os.path.abspath(place), root)).as_posix()


def _raise(error: Exception) -> np.ndarray:
    raise error
