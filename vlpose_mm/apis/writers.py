"""Write the results of a run to a folder, so that it can be interrupted and resumed."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import cv2
import numpy as np
from mmengine.logging import print_log
from mmpose.structures import PoseDataSample

from vlpose_mm.apis.coco_records import image_record, instance_records, write_coco
from vlpose_mm.apis.folder_lock import FolderLock
from vlpose_mm.apis.inputs import Item, Source
from vlpose_mm.apis.progress import PROGRESS, Progress
from vlpose_mm.apis.video_writer import HAS_AV, NO_AV, VideoWriter
from vlpose_mm.apis.videos import Video
from vlpose_mm.checkpoint.io import remove_unfinished, replace_file
from vlpose_mm.local_files import printable, shown
from vlpose_mm.visualization.captions import save_image

ANNOTATIONS = 'annotations.json'
FAILED = 'failed.txt'
# How many failures are printed.
MAX_PRINTED = 10


class Failure(NamedTuple):
    """An image that failed."""

    name: str  # Its name among the inputs.
    reason: str  # The error, in one line.


@dataclass
class Summary:
    """What a run has done."""

    out_dir: str  # The folder it wrote to.
    images: int = 0  # Images and frames done by this run.
    instances: int = 0  # Instances on them.
    tuned: int = 0  # Images that took the tuned route.
    empty: int = 0  # Images without instances.
    resumed: int = 0  # Images done by an earlier run.
    failures: list[Failure] = field(default_factory=list)  # Images that failed.
    # Files in the folders that are neither an image nor a video.
    skipped: list[str] = field(default_factory=list)

    def lines(self, failed_file: str = FAILED) -> list[str]:
        """Describe it; ``failed_file`` has all failures."""
        original = self.images - self.tuned
        lines = [
            f'{_count(self.images, "image")} with {_count(self.instances, "instance")}: '
            f'{self.tuned} tuned, {original} original.'
        ]
        if self.resumed:
            lines.append(f'{_count(self.resumed, "image")} had been done before.')
        if self.empty:
            lines.append(f'There are no instances on {_count(self.empty, "image")}.')
        if self.skipped:
            lines.append(f'{shown(self.skipped)} skipped, neither an image nor a video.')
        if self.failures:
            lines.append(f'{_count(len(self.failures), "image")} failed:')
            first = self.failures[:MAX_PRINTED]
            lines += [f'  {failure.name}: {failure.reason}' for failure in first]
            more = len(self.failures) - MAX_PRINTED
            lines += [f'  and {more} more, see {failed_file}'] if more > 0 else []
        return lines


class ResultsWriter:
    """Writes ``annotations.json``, ``drawings/``, ``videos/`` and ``failed.txt``.

    Use it in a ``with`` block; whatever ends the block, what is done is written.

    Args:
        out_dir (str): The folder; it is created.
        items (Sequence[Item]): The inputs.
        settings (dict): What a run that resumes must share, ready for JSON.
        dataset_meta (dict): The dataset's metainfo.
        draw (Callable, optional): Draws a sample on its image; by default nothing is drawn.
        resume (bool): Whether to continue an earlier run.

    Raises:
        OSError: If the folder cannot be written to.
        ValueError: If it holds results and ``resume`` is not set, or those of other inputs
            or settings.
    """

    def __init__(
        self,
        out_dir: str,
        items: Sequence[Item],
        settings: dict,
        dataset_meta: dict,
        draw: Callable[[np.ndarray, PoseDataSample], np.ndarray] | None,
        resume: bool,
    ) -> None:
        os.makedirs(out_dir, exist_ok=True)
        own = [os.path.abspath(os.path.join(out_dir, n)) for n in ('drawings', 'videos')]
        # The drawings of an earlier run are not inputs.
        items = [item for item in items if not is_inside(item.place, own)]
        settings = {**settings, 'drawings': draw is not None}
        self._lock = FolderLock(out_dir)
        try:
            path = os.path.join(out_dir, PROGRESS)
            self._progress = Progress(path, settings, resume, items)
            if resume:
                _remove_unfinished(out_dir)
        except BaseException:
            self._lock.release()
            raise
        #: Inputs that are not done yet.
        self.pending = [item for item in items if item.key not in self._progress.done]
        self.summary = Summary(out_dir, resumed=self._progress.count)
        self._paths = drawing_paths(items, out_dir)
        self._dataset_meta = dataset_meta
        self._draw = draw
        if draw is not None and not HAS_AV and any(item.is_video for item in self.pending):
            print_log(NO_AV, logger='current', level=logging.WARNING)
        self._video: Video | None = None
        self._video_writer: VideoWriter | None = None
        self._is_unwritable = False
        self._failed: set[str] = set()

    def __enter__(self) -> ResultsWriter:
        return self

    def __exit__(self, kind: type | None, *args: object) -> None:
        out_dir, failures = self.summary.out_dir, self.summary.failures
        try:
            # A webcam ends by an interrupt, and its video is whole then.
            self._end_video(kind is None or (self._video and self._video.is_live))
        finally:
            try:
                path = os.path.join(out_dir, ANNOTATIONS)
                write_coco(path, self._progress.images, self._dataset_meta)
                _write_failures(failures, os.path.join(out_dir, FAILED))
            finally:
                self._lock.release()

    def draw(self, image: np.ndarray, result: dict) -> None:
        """Write the drawing of an image, as :meth:`add` does without it."""
        path = self._paths[result['name']]
        os.makedirs(os.path.dirname(path), exist_ok=True)
        save_image(self._draw(image, result['predictions'][0]), path)

    def add(self, image: np.ndarray | None, result: dict) -> None:
        """Write a result; without the image if it is drawn already."""
        video = result['video']
        if video != self._video:
            self._end_video(True)
        self._video = video
        records = instance_records(result, 0)
        self.summary.images += 1
        self.summary.instances += len(records)
        self.summary.tuned += result['route'] == 'tuned'
        self.summary.empty += not records
        item = result['name'] if video is None else video.name
        if self._draw is not None and video is not None:
            drawing = self._draw(image, result['predictions'][0])
            self._write_frame(drawing, self._paths[item], result['timestamp'])
        elif self._draw is not None and image is not None:
            self.draw(image, result)
        self._progress.add(item, result['image_id'], image_record(result, 0), records)

    def fail(self, source: Source, error: Exception) -> None:
        """Record and log an image that failed."""
        self._fail(source.name, error)

    def _fail(self, name: str, error: Exception) -> None:
        self._failed.add(name)
        failure = Failure(printable(name), reason_of(error))
        self.summary.failures.append(failure)
        print_log(
            f'{failure.name} is skipped: {failure.reason}',
            logger='current',
            level=logging.WARNING,
        )

    def _write_frame(self, drawing: np.ndarray, path: str, timestamp: float) -> None:
        if self._is_unwritable:
            return
        try:
            if self._video_writer is None:
                size = drawing.shape[1::-1]
                self._video_writer = VideoWriter(path, self._video, size)
            self._video_writer.write(drawing, timestamp)
        except (OSError, cv2.error) as error:
            # The other inputs go on.
            self._is_unwritable = True
            self._fail(self._video.name, error)
            if self._video_writer is not None:
                self._video_writer.close(keep=False)
                self._video_writer = None

    def _end_video(self, is_whole: bool) -> None:
        video, writer = self._video, self._video_writer
        self._video = self._video_writer = None
        self._is_unwritable = False
        if writer is not None:
            try:
                writer.close(keep=is_whole)
            except OSError as error:
                self._fail(video.name, error)
        # What failed may succeed the next time.
        if video is not None and is_whole and video.name not in self._failed:
            self._progress.end_video(video.name)


def _count(number: int, thing: str) -> str:
    return f'{number} {thing}{"" if number == 1 else "s"}'


def _remove_unfinished(out_dir: str) -> None:
    """Remove what a run that was killed was writing, and nothing of others."""
    for name in (ANNOTATIONS, PROGRESS, FAILED):
        remove_unfinished(out_dir, name)
    for folder, _, _ in os.walk(os.path.join(out_dir, 'drawings')):
        remove_unfinished(folder)


def _write_failures(failures: list[Failure], path: str) -> None:
    if failures:
        text = ''.join(f'{failure.name}\t{failure.reason}\n' for failure in failures)
        with replace_file(path) as file:
            file.write(text.encode())
    elif os.path.exists(path):
        os.unlink(path)


def reason_of(error: Exception) -> str:
    """Return why an image failed, in one printable line."""
    reason = ' '.join(str(error).split())
    if not isinstance(error, OSError | ValueError):
        reason = f'{type(error).__name__}: {reason}'
    return printable(reason)


def drawing_path(name: str, folder: str, suffix: str | None = None) -> str:
    """Return the path of a drawing, which is never outside of its folder."""
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
    """Return a path for each item by its name; no two are the same."""
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
