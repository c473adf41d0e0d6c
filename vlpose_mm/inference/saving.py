"""Write results to a folder, so that a run can end at any time and be gone on with."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import cv2

from vlpose_mm.inference.progress import PROGRESS, Progress
from vlpose_mm.weights.files import replace_file

if TYPE_CHECKING:
    from vlpose_mm.inference.results import Failure, PoseResult, PoseResults
    from vlpose_mm.inference.sources import Video

ANNOTATIONS = 'annotations.json'
FAILED = 'failed.txt'


class Summary(NamedTuple):
    """What a run has done.

    Attributes:
        out (str): Where it is written.
        pictures (int): Pictures, or frames, done by this run.
        people (int): On these pictures.
        tuned (int): How many of the pictures took the tuned route.
        empty (int): On how many of them nobody was found.
        resumed (int): How many an earlier run had done.
        failures (list[Failure]): What could not be done.
    """

    out: str
    pictures: int
    people: int
    tuned: int
    empty: int
    resumed: int
    failures: list[Failure]


def save_all(
    results: PoseResults,
    out: str,
    drawings: bool,
    resume: bool,
    each: Callable[[PoseResult], None] | None,
) -> Summary:
    """Run everything and write what is found; see :meth:`PoseResults.save`."""
    os.makedirs(out, exist_ok=True)
    settings = {**results.settings, 'drawings': drawings}
    progress = Progress(os.path.join(out, PROGRESS), settings, resume)
    own = os.path.abspath(out)
    results.items = [
        item
        for item in results.items
        # The drawings of an earlier run are no inputs.
        if item.name not in progress.done and not _is_inside(item.place, own)
    ]
    pictures = people = tuned = empty = 0
    film = Film(out, progress, drawings)
    try:
        with film:
            for result in results:
                film.follow(result.video)
                pictures += 1
                people += len(result)
                tuned += result.route == 'tuned'
                empty += not len(result)
                if drawings:
                    film.show(result) if result.video else _save_drawing(result, out)
                number = result.image_id
                progress.add(number, result.image_record(0), result.people_records(0))
                if each is not None:
                    each(result)
    finally:
        # Whatever ends the run, what is done can be used.
        _write_annotations(progress, results.meta, os.path.join(out, ANNOTATIONS))
        _write_failures(results.failures, os.path.join(out, FAILED))
    return Summary(out, pictures, people, tuned, empty, progress.count, results.failures)


class Film:
    """Writes the frames of one video after the other.

    Args:
        out (str): Folder to write to.
        progress (Progress): Where to note that a video is done.
        drawings (bool): Whether to draw.
    """

    def __init__(self, out: str, progress: Progress, drawings: bool) -> None:
        self.out = out
        self.progress = progress
        self.drawings = drawings
        self.video: Video | None = None
        self._writer: cv2.VideoWriter | None = None
        self._files = ('', '')

    def __enter__(self) -> Film:
        return self

    def __exit__(self, kind: type | None, *args: object) -> None:
        # A webcam ends when somebody ends it, and then what there is, is whole.
        self._end(whole=kind is None or (self.video is not None and self.video.live))

    def follow(self, video: Video | None) -> None:
        """End the video before if the next picture is of another one, or of none."""
        if video != self.video:
            self._end(whole=True)
        self.video = video

    def show(self, result: PoseResult) -> None:
        """Draw a frame."""
        drawn = result.draw()
        if self._writer is None:
            path = drawing_path(result.video.name, os.path.join(self.out, 'videos'), '.mp4')
            folder, name = os.path.split(path)
            os.makedirs(folder, exist_ok=True)
            self._files = os.path.join(folder, f'.{name}.tmp.mp4'), path
            code = cv2.VideoWriter_fourcc(*'mp4v')
            size = drawn.shape[1::-1]
            self._writer = cv2.VideoWriter(self._files[0], code, result.video.fps, size)
            if not self._writer.isOpened():
                raise OSError(f'Cannot write the video {path}.')
        self._writer.write(drawn)

    def _end(self, whole: bool) -> None:
        """Finish the video, or leave nothing of it behind."""
        if self._writer is not None:
            self._writer.release()
            temporary, path = self._files
            os.replace(temporary, path) if whole else os.unlink(temporary)
        if self.video is not None and whole:
            self.progress.end_video(self.video.name)
        self.video, self._writer = None, None


def drawing_path(name: str, folder: str, suffix: str | None = None) -> str:
    """Tell where to draw an input: never outside of the folder.

    Args:
        name (str): The input's name: a path from the folder that all share, or an address.
        folder (str): Where drawings go.
        suffix (str, optional): What to add, if the name does not end like that; by default
            ``.jpg``, unless it ends like a JPEG or PNG.

    Returns:
        str: The file.
    """
    parts = urlsplit(name) if '://' in name else None
    path = PurePosixPath(f'{parts.netloc}{parts.path}' if parts else name)
    safe = [part for part in path.parts if part not in ('..', '/', '.')] or ['picture']
    wanted = (suffix,) if suffix else ('.jpg', '.jpeg', '.png')
    if not safe[-1].lower().endswith(wanted):
        # The suffix stays, for there may be one of each.
        safe[-1] += wanted[0]
    return os.path.join(folder, *safe)


def _save_drawing(result: PoseResult, out: str) -> None:
    """Draw a picture."""
    path = drawing_path(result.name, os.path.join(out, 'drawings'))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    result.save(path)


def _is_inside(place: object, folder: str) -> bool:
    """Whether an input lies in a folder."""
    if not isinstance(place, str) or '://' in place:
        return False
    return Path(os.path.abspath(place)).is_relative_to(folder)


def _write_annotations(progress: Progress, meta: dict, path: str) -> None:
    """Put what was noted into one file of COCO's, without holding all of it in memory."""
    from vlpose_mm.inference.results import category

    with replace_file(path) as file:

        def write(records: Iterator[dict]) -> None:
            for row, record in enumerate(records):
                file.write(f'{"," if row else ""}\n{json.dumps(record)}'.encode())

        file.write(b'{"images": [')
        write(_images(progress))
        file.write(b'\n],\n"annotations": [')
        write(_people(progress))
        file.write(b'\n],\n"categories": [' + json.dumps(category(meta)).encode() + b']}\n')


def _numbered(progress: Progress) -> Iterator[tuple[int, dict]]:
    """Pictures by their number in the file of boxes, else in the order they were done."""
    for row, line in enumerate(progress.pictures(), 1):
        yield row if line['image_id'] is None else line['image_id'], line


def _images(progress: Progress) -> Iterator[dict]:
    for number, line in _numbered(progress):
        yield {**line['image'], 'id': number}


def _people(progress: Progress) -> Iterator[dict]:
    count = 0
    for number, line in _numbered(progress):
        for record in line['people']:
            count += 1
            yield {'id': count, **record, 'image_id': number}


def _write_failures(failures: list[Failure], path: str) -> None:
    """Say what failed; a run without failures says nothing."""
    if failures:
        text = ''.join(f'{failure.name}\t{failure.reason}\n' for failure in failures)
        with replace_file(path) as file:
            file.write(text.encode())
    elif os.path.exists(path):
        os.unlink(path)
