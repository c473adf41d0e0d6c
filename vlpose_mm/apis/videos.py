"""Read videos."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from vlpose_mm.apis.display_matrix import read_display_matrix, turn, upright

# Frames per second of a video that does not say.
DEFAULT_FPS = 25.0
# Where the last frame is, in frames; OpenCV before 4.11 says 0.
PTS = getattr(cv2, 'CAP_PROP_PTS', 71)


class Video(NamedTuple):
    """A video."""

    name: str  # Its name among the inputs.
    fps: float  # Frames per second.
    is_live: bool  # Whether it is a webcam, which does not wait for a full batch.
    path: str | None = None  # Where it is, if it is a file.


class Frame(NamedTuple):
    """A frame of a video."""

    image: np.ndarray  # BGR, H x W x 3, upright.
    timestamp: float  # Seconds after the first frame; each is later than the one before.


def open_video(place: str | int, name: str) -> tuple[Video, Iterator[Frame]]:
    """Open a video."""
    capture = cv2.VideoCapture(place)
    # Some versions of OpenCV turn frames, none mirrors them.
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
    is_live = isinstance(place, int)
    matrix = None if is_live else read_display_matrix(place)
    is_counted = matrix is not None
    if not is_counted:
        matrix = turn(capture.get(cv2.CAP_PROP_ORIENTATION_META))
    fps = capture.get(cv2.CAP_PROP_FPS)
    if not 0 < fps < math.inf:
        fps = DEFAULT_FPS
    frames = _frames(capture, place, name, fps, is_counted)
    upright_frames = (Frame(upright(each.image, matrix), each.timestamp) for each in frames)
    path = place if not is_live and os.path.isfile(place) else None
    return Video(name, fps, is_live, path), upright_frames


def count_frames(place: str | int) -> int | None:
    """Return the number of frames; ``None`` if it is not known, 1 if it does not open."""
    if isinstance(place, int):
        return None
    capture = cv2.VideoCapture(place)
    if not capture.isOpened():
        return 1
    count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    return int(count) if count > 0 else None


def _frames(
    capture: cv2.VideoCapture, place: str | int, name: str, fps: float, is_counted: bool
) -> Iterator[Frame]:
    """Yield the frames as they are stored; not every video counts them for sure."""
    expected = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    is_live = isinstance(place, int)
    count, offset, start, timestamp = 0, 0.0, None, 0.0
    try:
        while True:
            is_read, image = capture.read()
            if not is_read:
                break
            now = time.monotonic()
            if not is_live:
                now = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            if start is None:
                start, offset = now, max(0.0, capture.get(PTS))
            # Some streams have no times.
            is_later = count == 0 or now - start > timestamp
            timestamp = now - start if is_later else timestamp + 1 / fps
            yield Frame(image, timestamp)
            count += 1
        # Most containers count no frames. OpenCV takes them as evenly spaced, and those of
        # a stream that begins later than its audio as there from the start.
        seen = count
        if not is_counted:
            seen = max(count, round(timestamp * fps) + 1) + offset
        # Some that do count one or two too many.
        is_short = 0 < expected and seen < min(expected - 2, 0.98 * expected)
        problem = _why_it_ended(
            place, name, capture.isOpened(), count, expected if is_short else None
        )
    finally:
        capture.release()
    if problem is not None:
        raise OSError(problem)


def _why_it_ended(
    place: str | int, name: str, is_open: bool, count: int, expected: int | None
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
    if expected is not None:
        return (
            f'{name} breaks off after {count} of {expected} frames; these are done, '
            'download or save it again for the rest.'
        )
    return None
