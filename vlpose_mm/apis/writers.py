"""Write results to a folder, so that a run can end at any time and be gone on with."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

import cv2

from vlpose_mm.apis.printable import printable
from vlpose_mm.apis.progress import PROGRESS, Progress
from vlpose_mm.checkpoint.io import replace_file

if TYPE_CHECKING:
    from vlpose_mm.apis.inputs import Item, Video
    from vlpose_mm.apis.results import Failure, PoseResult, PoseResults

ANNOTATIONS = 'annotations.json'
FAILED = 'failed.txt'


class Summary(NamedTuple):
    """What a run has done.

    Attributes:
        out (str): Where it is written.
        images (int): Images, or frames, done by this run.
        people (int): On these images.
        tuned (int): How many of the images took the tuned route.
        empty (int): On how many of them nobody was found.
        resumed (int): How many an earlier run had done.
        failures (list[Failure]): What could not be done.
    """

    out: str
    images: int
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
    own = [os.path.abspath(os.path.join(out, name)) for name in ('drawings', 'videos')]
    # What an earlier run has drawn is no input.
    items = [item for item in results.items if not _is_inside(item.place, own)]
    progress = Progress(os.path.join(out, PROGRESS), settings, resume, items)
    paths = _drawing_paths(items, out)
    results.items = [item for item in items if item.key not in progress.done]
    images = people = tuned = empty = 0
    film = Film(paths, progress, results.failures)
    try:
        with film:
            for result in results:
                film.follow(result.video)
                images += 1
                people += len(result)
                tuned += result.route == 'tuned'
                empty += not len(result)
                item = result.video.name if result.video else result.name
                if drawings and result.video:
                    film.show(result)
                elif drawings:
                    os.makedirs(os.path.dirname(paths[item]), exist_ok=True)
                    result.save(paths[item])
                image, found = result.image_record(0), result.people_records(0)
                progress.add(item, result.image_id, image, found)
                if each is not None:
                    each(result)
    finally:
        # Whatever ends the run, what is done can be used.
        _write_annotations(progress, results.meta, os.path.join(out, ANNOTATIONS))
        _write_failures(results.failures, os.path.join(out, FAILED))
    return Summary(out, images, people, tuned, empty, progress.count, results.failures)


class Film:
    """Writes the frames of one video after the other.

    Args:
        paths (dict[str, str]): Where to write videos, by name.
        progress (Progress): Where to note that a video is done.
        failures (list[Failure]): What has failed by now.
    """

    def __init__(
        self, paths: dict[str, str], progress: Progress, failures: list[Failure]
    ) -> None:
        self.paths = paths
        self.progress = progress
        self.failures = failures
        self.video: Video | None = None
        self._writer: cv2.VideoWriter | None = None
        self._count = 0
        self._files = ('', '')

    def __enter__(self) -> Film:
        return self

    def __exit__(self, kind: type | None, *args: object) -> None:
        # A webcam ends when somebody ends it, and then what there is, is whole.
        self._end(whole=kind is None or (self.video is not None and self.video.live))

    def follow(self, video: Video | None) -> None:
        """End the video before if the next image is of another one, or of none."""
        if video != self.video:
            self._end(whole=True)
        self.video = video

    def show(self, result: PoseResult) -> None:
        """Draw a frame."""
        drawn = result.draw()
        if self._writer is None:
            path = self.paths[result.video.name]
            folder, name = os.path.split(path)
            os.makedirs(folder, exist_ok=True)
            self._files = os.path.join(folder, f'.{name}.tmp.mp4'), path
            code = cv2.VideoWriter_fourcc(*'mp4v')
            size = drawn.shape[1::-1]
            self._writer = cv2.VideoWriter(self._files[0], code, result.video.fps, size)
            self._count = 0
            if not self._writer.isOpened():
                raise OSError(f'Cannot write the video {path}.')
        self._writer.write(drawn)
        self._count += 1

    def _end(self, whole: bool) -> None:
        """Finish the video, or leave nothing of it behind."""
        writer, self._writer = self._writer, None
        video, self.video = self.video, None
        if writer is not None:
            writer.release()
            temporary, path = self._files
            # OpenCV says nothing of a disk that is full.
            told = cv2.VideoCapture(temporary).get(cv2.CAP_PROP_FRAME_COUNT)
            if whole and told < self._count:
                os.unlink(temporary)
                raise OSError(f'Cannot write the video {path}; the disk may be full.')
            os.replace(temporary, path) if whole else os.unlink(temporary)
        # One that broke off may be whole the next time.
        failed = {failure.name for failure in self.failures}
        if video is not None and whole and printable(video.name) not in failed:
            self.progress.end_video(video.name)


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
    if '://' in name:
        # Not by ``urlsplit``, which raises where an address is wrong.
        place, _, query = name.partition('://')[2].partition('#')[0].partition('?')
        name = f'{place}_{query.replace("/", "_")}' if query else place
    path = PurePosixPath(name)
    safe = [_short(part) for part in path.parts if part not in ('..', '/', '.')]
    safe = safe or ['image']
    wanted = (suffix,) if suffix else ('.jpg', '.jpeg', '.png')
    if not safe[-1].lower().endswith(wanted):
        # The suffix stays, for there may be one of each.
        safe[-1] += wanted[0]
    return os.path.join(folder, *safe)


def _short(part: str) -> str:
    """Shorten a part of a path that file systems would refuse."""
    if len(os.fsencode(part)) <= 200:
        return part
    digest = hashlib.sha256(os.fsencode(part)).hexdigest()[:8]
    return f'{part[:40]}-{digest}{os.path.splitext(part)[1][:10]}'


def _drawing_paths(items: Sequence[Item], out: str) -> dict[str, str]:
    """Tell where to draw each item; no two in the same place."""
    paths, taken = {}, set()
    for item in items:
        kind, suffix = ('videos', '.mp4') if item.is_video else ('drawings', None)
        path = drawing_path(item.name, os.path.join(out, kind), suffix)
        stem, end = os.path.splitext(path)
        count = 1
        while path in taken:
            count += 1
            path = f'{stem} ({count}){end}'
        taken.add(path)
        paths[item.name] = path
    return paths


def _is_inside(place: object, folders: Sequence[str]) -> bool:
    """Whether an input lies in one of some folders."""
    if not isinstance(place, str) or '://' in place:
        return False
    path = Path(os.path.abspath(place))
    return any(path.is_relative_to(folder) for folder in folders)


def _write_annotations(progress: Progress, meta: dict, path: str) -> None:
    """Put what was noted into one file of COCO's, without holding all of it in memory."""
    from vlpose_mm.apis.results import category

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
    """Images by their number in the file of boxes, else in the order they were done."""
    used = set()
    for row, line in enumerate(progress.images(), 1):
        number = row if line['image_id'] is None else line['image_id']
        if number in used:
            # The same image once more; no file has so many.
            number = 10**15 + row
        used.add(number)
        yield number, line


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
