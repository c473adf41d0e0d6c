"""Read and write videos."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

# Frames per second of a video that does not say.
DEFAULT_FPS = 25.0


class Video(NamedTuple):
    """A video."""

    name: str  # Its name among the inputs.
    fps: float  # Frames per second.
    is_live: bool  # Whether it is a webcam, which does not wait for a full batch.


def open_video(place: str | int, name: str) -> tuple[Video, Iterator[np.ndarray]]:
    """Open a video."""
    capture = cv2.VideoCapture(place)
    is_live = isinstance(place, int)
    video = Video(name, capture.get(cv2.CAP_PROP_FPS) or DEFAULT_FPS, is_live)
    return video, _frames(capture, place, name)


def count_frames(place: str | int) -> int | None:
    """Return the number of frames; ``None`` if it is not known, 1 if it does not open."""
    if isinstance(place, int):
        return None
    capture = cv2.VideoCapture(place)
    if not capture.isOpened():
        return 1
    count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    return int(count) if count > 0 else None


def _frames(capture: cv2.VideoCapture, place: str | int, name: str) -> Iterator[np.ndarray]:
    expected = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    count = 0
    try:
        while True:
            is_read, image = capture.read()
            if not is_read:
                break
            yield image
            count += 1
        problem = _why_it_ended(place, name, capture.isOpened(), count, expected)
    finally:
        capture.release()
    if problem is not None:
        raise OSError(problem)


def _why_it_ended(
    place: str | int, name: str, is_open: bool, count: int, expected: int
) -> str | None:
    """Return what is wrong with a video that has no more frames, if anything."""
    if isinstance(place, int):
        state = 'gives no more images' if is_open else 'cannot be opened'
        return f'The webcam {place} {state}.'
    is_remote = '://' in place
    if not is_remote and not os.path.isfile(place):
        return f'There is no file {place}.'
    if not count:
        # An MP4 may keep its index at its end; not every server can seek to it.
        remedy = ' Or download it, and give the file.' if is_remote else ''
        return f'{name} is not a video that can be read; give an MP4 in H.264.{remedy}'
    # Some containers count a frame or two too many.
    if expected > 0 and count < min(expected - 2, 0.98 * expected):
        return (
            f'{name} breaks off after {count} of {expected} frames; these are done, '
            'download or save it again for the rest.'
        )
    return None


class VideoWriter:
    """Writes a video to a temporary file, which takes its name when it is whole."""

    def __init__(self, path: str, fps: float, size: tuple[int, int]) -> None:
        folder, name = os.path.split(path)
        os.makedirs(folder, exist_ok=True)
        self.path = path
        self._temporary = os.path.join(folder, f'.{name}.tmp.mp4')
        self._count = 0
        code = cv2.VideoWriter_fourcc(*'mp4v')
        self._writer = cv2.VideoWriter(self._temporary, code, fps, size)
        if not self._writer.isOpened():
            raise OSError(f'Cannot write the video {path}.')

    def write(self, image: np.ndarray) -> None:
        """Append a frame."""
        self._writer.write(np.ascontiguousarray(image[..., ::-1]))
        self._count += 1

    def close(self, keep: bool) -> None:
        """Finish the file, or delete it."""
        self._writer.release()
        # OpenCV does not report a full disk.
        capture = cv2.VideoCapture(self._temporary)
        is_whole = capture.get(cv2.CAP_PROP_FRAME_COUNT) >= self._count
        capture.release()
        if keep and is_whole:
            os.replace(self._temporary, self.path)
            return
        os.unlink(self._temporary)
        if keep:
            raise OSError(f'Cannot write the video {self.path}; the disk may be full.')
