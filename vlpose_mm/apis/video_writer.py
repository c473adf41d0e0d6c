"""Write videos, with audio and the times of frames where PyAV is installed."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Protocol

import cv2
import numpy as np

from vlpose_mm.apis.videos import Video
from vlpose_mm.requirements import RequirementError, check_requirement

# MPEG-4 has at most so many ticks a second.
MAX_TICKS = 2**16 - 1
NO_AV = (
    'Videos are written without their audio, and with an even frame rate, as PyAV is not '
    'installed: pip install "av>=17.1".'
)


def _has_av() -> bool:
    """Return whether PyAV is installed, without importing it.

    It is not required: its second copy of FFmpeg has 100 MB, and frames are read by OpenCV
    anyway, as MMPose reads them, to the bit.
    """
    try:
        check_requirement('av')
    except RequirementError:
        return False
    return True


HAS_AV = _has_av()


class VideoWriter:
    """Writes a video to a temporary file, which takes its name when it is whole.

    Args:
        path (str): Where to write it, an MP4.
        video (Video): The one that its audio and its rate are of.
        size (tuple[int, int]): Width and height in pixels.

    Raises:
        OSError: If it cannot be written.
    """

    def __init__(self, path: str, video: Video, size: tuple[int, int]) -> None:
        folder, name = os.path.split(path)
        os.makedirs(folder, exist_ok=True)
        self.path = path
        self._temporary = os.path.join(folder, f'.{name}.tmp.mp4')
        self._count = 0
        try:
            self._encoder = new_encoder(self._temporary, video, size)
        except OSError as error:
            self._delete()
            width, height = size
            raise OSError(
                f'Cannot write the video {path} of {width} x {height} pixels: {error}; '
                'look at the folder and the disk.'
            ) from error

    def write(self, image: np.ndarray, timestamp: float) -> None:
        """Append a frame, in RGB, at so many seconds after the first one."""
        self._encoder.write(np.ascontiguousarray(image), timestamp)
        self._count += 1

    def close(self, keep: bool) -> None:
        """Finish the file, or delete it."""
        try:
            self._encoder.close(keep)
            # OpenCV does not report a full disk.
            if keep and not _has_frames(self._temporary, self._count):
                raise OSError('the disk may be full')
        except OSError as error:
            self._delete()
            if keep:
                raise OSError(f'Cannot write the video {self.path}: {error}.') from error
            return
        if keep:
            os.replace(self._temporary, self.path)
        else:
            self._delete()

    def _delete(self) -> None:
        # What it could not make, or cannot delete, must not hide the cause.
        with suppress(OSError):
            os.unlink(self._temporary)


def _has_frames(path: str, count: int) -> bool:
    capture = cv2.VideoCapture(path)
    found = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    capture.release()
    return found >= count


class Encoder(Protocol):
    """Encodes frames to a file; fails with an :class:`OSError`."""

    def write(self, image: np.ndarray, timestamp: float) -> None:
        """Append a frame, in RGB."""

    def close(self, keep: bool = True) -> None:
        """Finish the file, or just end where it is not kept."""


def new_encoder(path: str, video: Video, size: tuple[int, int]) -> Encoder:
    """Make the best encoder that there is."""
    if not HAS_AV:
        return OpenCVEncoder(path, video, size)
    # Imported where a video is written alone.
    from vlpose_mm.apis.av_encoder import AVEncoder

    return AVEncoder(path, video, size)


class OpenCVEncoder:
    """Encodes frames at an even rate, without audio."""

    def __init__(self, path: str, video: Video, size: tuple[int, int]) -> None:
        fps = video.fps
        # Nothing plays so fast a video, but its frames are wanted.
        is_too_fast = fps > MAX_TICKS
        code = cv2.VideoWriter_fourcc(*('MJPG' if is_too_fast else 'mp4v'))
        fps = min(fps, 10.0**6) if is_too_fast else writable_fps(fps)
        self._writer = cv2.VideoWriter(path, code, fps, size)
        if not self._writer.isOpened():
            raise OSError(f'OpenCV makes no {path} of {fps:g} frames a second')

    def write(self, image: np.ndarray, timestamp: float) -> None:
        """Append a frame, in RGB."""
        self._writer.write(np.ascontiguousarray(image[..., ::-1]))

    def close(self, keep: bool = True) -> None:
        """Finish the file."""
        self._writer.release()


def writable_fps(fps: float) -> float:
    """Return the nearest frame rate that MPEG-4 takes; from 0.05 to 65535 within 1 %.

    OpenCV writes a rate as a fraction of a power of ten, exact to 0.001, and fails where
    that takes too many ticks.
    """
    for digits in (3, 2, 1, 0):
        ticks = round(fps * 10**digits)
        if ticks <= MAX_TICKS:
            # One tick is exact enough for it to write none.
            return max(ticks, 2 if digits == 3 else 1) / 10**digits
    return float(MAX_TICKS)
