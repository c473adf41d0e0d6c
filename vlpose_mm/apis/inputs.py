"""Where images come from: files, folders, globs, addresses, videos, webcams, arrays."""

import glob
import hashlib
import json
import mimetypes
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from vlpose_mm.datasets.image_io import as_bgr, read_image

# What an item may bring beside its image.
OWN = ('scenario', 'prompt', 'route', 'boxes')
# Frames per second of a video that does not tell.
USUAL_FPS = 25.0

Input = str | os.PathLike | int | np.ndarray | Mapping


class Video(NamedTuple):
    """What frames belong to.

    Attributes:
        name (str): Its name among the inputs.
        fps (float): Frames per second.
        live (bool): Whether it is a webcam, whose frames will not wait.
    """

    name: str
    fps: float
    live: bool


class Source(NamedTuple):
    """One image, not read yet.

    Attributes:
        name (str): Unique among the inputs.
        path (str): What tells its folder, and so perhaps its scenario.
        own (dict): What it brings; see :data:`OWN`.
        read (Callable): Reads it: BGR, H x W x 3.
        video (Video, optional): What it is a frame of.
        frame (int): Its number there, from 0.
    """

    name: str
    path: str
    own: dict
    read: Callable[[], np.ndarray]
    video: Video | None = None
    frame: int = 0


class Item(NamedTuple):
    """An image or a video among the inputs.

    Attributes:
        name (str): Unique among the inputs.
        place (str | int | np.ndarray): File, address, number of a webcam, or array.
        own (dict): See :data:`OWN`.
    """

    name: str
    place: str | int | np.ndarray
    own: dict

    @property
    def is_video(self) -> bool:
        """bool: Whether it has frames."""
        return isinstance(self.place, int) or kind_of(self.place) == 'video'

    @property
    def told_place(self) -> str:
        """str: Where it is from, from any folder."""
        if not isinstance(self.place, str):
            return self.name
        return self.place if _is_address(self.place) else os.path.abspath(self.place)

    @property
    def key(self) -> str:
        """str: Tells its content and what it brings from any other."""
        digest = hashlib.sha256(self.told_place.encode('utf-8', 'surrogateescape'))
        if isinstance(self.place, np.ndarray):
            digest.update(f'{self.place.shape}'.encode())
            digest.update(np.ascontiguousarray(self.place))
        elif os.path.isfile(self.told_place):
            state = os.stat(self.told_place)
            digest.update(f'{state.st_size} {state.st_mtime_ns}'.encode())
        own = {**self.own}
        if own.get('boxes') is not None:
            own['boxes'] = np.asarray(own['boxes'], float).tolist()
        digest.update(json.dumps(own, sort_keys=True).encode())
        return digest.hexdigest()[:16]

    def sources(self) -> Iterator[Source]:
        """Yield its images, one or as many as it has frames."""
        place = self.place
        if self.is_video:
            yield from _frames(self)
        elif isinstance(place, np.ndarray):
            read = lambda: as_bgr(place, self.name)  # noqa: E731
            yield Source(self.name, self.name, self.own, read)
        else:
            yield Source(self.name, place, self.own, lambda: read_image(place))

    def count(self) -> int | None:
        """Tell how many images it has, as far as it tells."""
        if not self.is_video:
            return 1
        if isinstance(self.place, int):
            return None
        capture = cv2.VideoCapture(self.place)
        if not capture.isOpened():
            # It fails, once.
            return 1
        count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        return int(count) if count > 0 else None


def find_items(inputs: Input | Sequence[Input]) -> list[Item]:
    """List images and videos.

    Args:
        inputs (str | os.PathLike | int | np.ndarray | Mapping | Sequence): A file, a
            folder (with the folders in it), a glob, an address, the number of a webcam
            (also ``'webcam:0'``), an array in BGR, H x W x 3; a table of such a
            ``image`` and what it brings, see :data:`OWN`; or a list of these.

    Returns:
        list[Item]: In the order of the inputs; those of a folder or glob by name. Names
        are paths from the folder that all inputs share.

    Raises:
        OSError: If the only input does not exist. One of a list that does not fails when it
            is read.
        TypeError: If an input is nothing of this kind.
        ValueError: If there are no images.
    """
    alone = not isinstance(inputs, list | tuple)
    given = [_with_own(each) for each in ([inputs] if alone else inputs)]
    if not given:
        raise ValueError('The list of images is empty.')
    found, roots = [], []
    for place, own in given:
        if isinstance(place, str) and not _is_address(place):
            root, files = _local_files(place)
            if alone and not files:
                _complain(place)
            roots.append(os.path.abspath(root))
            found += [(file, own) for file in files or [place]]
        else:
            found.append((place, own))
    root = os.path.commonpath(roots) if roots else ''
    items, names = [], set()
    for place, own in found:
        name = first = _name(place, root, len(items))
        count = 1
        # The same image twice, perhaps with other words.
        while name in names:
            count += 1
            name = f'{first} ({count})'
        names.add(name)
        items.append(Item(name, place, own))
    return items


def kind_of(place: Any) -> str | None:
    """Tell by its name what a file is.

    Args:
        place (Any): A file or address, or something else.

    Returns:
        str | None: ``'image'``, ``'video'``, ...; ``None`` if nobody knows.
    """
    if not isinstance(place, str):
        return None
    path = place.split('?')[0].split('#')[0] if _is_address(place) else place
    kind = mimetypes.guess_type(path)[0]
    # Python 3.10 knows neither.
    if kind is None and Path(path).suffix.lower() in ('.webp', '.avif'):
        return 'image'
    return kind and kind.split('/')[0]


def _with_own(given: Input) -> tuple[str | int | np.ndarray, dict]:
    """Tell an input from what it brings."""
    own = {}
    if isinstance(given, Mapping):
        own = {k: v for k, v in given.items() if v is not None}
        unknown = [key for key in own if key not in ('image', *OWN)]
        if unknown or 'image' not in own:
            wrong = f'{unknown[0]!r} is unknown' if unknown else "'image' is missing"
            raise ValueError(f'{wrong} in an input; it has image and any of {OWN}.')
        given = own.pop('image')
    if isinstance(given, os.PathLike):
        given = os.fspath(given)
    if isinstance(given, str) and given.lower().startswith('webcam'):
        number = given.lower().removeprefix('webcam').lstrip(':') or '0'
        if not os.path.exists(given) and number.isdigit():
            given = int(number)
    if isinstance(given, bool) or not isinstance(given, str | int | np.ndarray):
        raise TypeError(
            'An input is a path, an address, an array, a number or a dict, got '
            f'{given!r:.80}.'
        )
    if isinstance(given, str) and not given:
        raise ValueError('The path of an image is blank.')
    return given, own


def _is_address(place: str) -> bool:
    return place.lower().startswith(('http://', 'https://'))


def _is_glob(place: str) -> bool:
    return glob.has_magic(place) and not os.path.exists(place)


def _local_files(place: str) -> tuple[str, list[str]]:
    """The folder that names start from, and the files that are there."""
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


def _walk(folder: str) -> list[str]:
    """Images and videos in a folder and the folders in it, but for hidden ones."""
    files = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith('.'))
        paths = [os.path.join(parent, n) for n in sorted(names) if not n.startswith('.')]
        files += [path for path in paths if kind_of(path) in ('image', 'video')]
    return files


def _complain(place: str) -> None:
    """Say why nothing was found."""
    if os.path.isdir(place):
        raise ValueError(f'The folder {place} holds no images and no videos.')
    if _is_glob(place):
        raise ValueError(f'No file matches {place}.')
    raise FileNotFoundError(f'There is no file or folder {place}.')


def _name(place: str | int | np.ndarray, root: str, number: int) -> str:
    """What to call an input."""
    if isinstance(place, np.ndarray):
        return f'array_{number:06}'
    if isinstance(place, int):
        return f'webcam{place}'
    if _is_address(place):
        return place
    return Path(os.path.relpath(os.path.abspath(place), root)).as_posix()


def _frames(item: Item) -> Iterator[Source]:
    """Yield the frames of a video; one that fails to be read tells why the video ends."""
    capture = cv2.VideoCapture(item.place)
    try:
        live = isinstance(item.place, int)
        video = Video(item.name, capture.get(cv2.CAP_PROP_FPS) or USUAL_FPS, live)
        told = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        path = item.name if live else str(item.place)
        number = 0
        while True:
            going_on, image = capture.read()
            if not going_on:
                break
            name = f'{item.name}#{number:06}'
            read = lambda p=image, n=name: as_bgr(p, n)  # noqa: E731
            yield Source(name, path, item.own, read, video, number)
            number += 1
        problem = _why_it_ended(item, capture.isOpened(), number, told)
    finally:
        capture.release()
    if problem is not None:

        def fail() -> np.ndarray:
            raise OSError(problem)

        yield Source(item.name, path, item.own, fail, video, number)


def _why_it_ended(item: Item, is_open: bool, number: int, told: int) -> str | None:
    """Tell what is wrong with a video that has no more frames, if anything is."""
    if isinstance(item.place, int):
        state = 'gives no more images' if is_open else 'cannot be opened'
        return f'The webcam {item.place} {state}.'
    if not _is_address(item.place) and not os.path.isfile(item.place):
        return f'There is no file {item.place}.'
    if not number:
        # An MP4 may say at its end what it holds; not every server lets one jump there.
        fetch = ' Or fetch it, and give the file.' if _is_address(item.place) else ''
        return f'{item.name} is no video that can be read; give an MP4 in H.264.{fetch}'
    # Some containers count a frame or two too many.
    if told > 0 and number < min(told - 2, 0.98 * told):
        return (
            f'{item.name} breaks off after {number} of {told} frames; these are done, '
            'fetch or save it again for the rest.'
        )
    return None
