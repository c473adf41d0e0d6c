"""Write drawn videos."""

from __future__ import annotations

import os

import cv2
import numpy as np


class VideoWriter:
    """Writes a video to a temporary file, which takes its name when it is whole.

    Args:
        path (str): The file, an MP4.
        fps (float): Frames per second.
        size (tuple[int, int]): Width and height in pixels.

    Raises:
        OSError: If it cannot be written.
    """

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
        """Append a frame.

        Args:
            image (np.ndarray): RGB, H x W x 3.
        """
        self._writer.write(np.ascontiguousarray(image[..., ::-1]))
        self._count += 1

    def close(self, keep: bool) -> None:
        """Finish the file, or delete it.

        Raises:
            OSError: If it does not hold all frames; nothing is left of it then.
        """
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
