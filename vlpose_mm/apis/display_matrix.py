"""Turn the frames of a video as its header says."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np


def upright(image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Turn and mirror an image, H x W x 3.

    Args:
        image (np.ndarray): The image.
        matrix (np.ndarray): Takes x, y of the image to those of the upright one, as a row
            from the left, 2 x 2; to the nearest of the eight orientations.
    """
    (a, b), (c, d) = matrix
    if abs(b) > abs(a):
        image, a, d = image.swapaxes(0, 1), c, b
    return np.ascontiguousarray(image[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])


def turn(degrees: float) -> np.ndarray:
    """Return the matrix of a clockwise turn, rounded to a right angle."""
    x, y = [(1, 0), (0, 1), (-1, 0), (0, -1)][round(degrees / 90) % 4]
    return np.array([[x, y], [-y, x]])


def read_display_matrix(path: str) -> np.ndarray | None:
    """Read the matrix of the first video track of an MP4 or QuickTime file.

    OpenCV knows its turn only, and not whether it mirrors, as front cameras do.

    Returns:
        np.ndarray | None: See :func:`upright`; ``None`` if there is none.
    """
    try:
        with open(path, 'rb') as file:
            movie, track, is_video = np.eye(2), None, False
            for *names, start in _boxes(file, 0, os.path.getsize(path)):
                if names == ['moov', 'mvhd']:
                    movie = _matrix(file, start, 36)
                elif names == ['moov', 'trak', 'tkhd']:
                    track = _matrix(file, start, 40)
                elif names == ['moov', 'trak', 'mdia', 'hdlr']:
                    file.seek(start + 8)
                    is_video = file.read(4) == b'vide'
                if is_video and track is not None:
                    matrix = track @ movie
                    return matrix if np.linalg.det(matrix) else None
    except (OSError, struct.error):
        pass
    return None


def _boxes(file: BinaryIO, start: int, end: int, *parents: str) -> Iterator[tuple]:
    """Yield the names of each box and its parents, and where its content starts."""
    while start + 8 <= end:
        file.seek(start)
        size, kind = struct.unpack('>I4s', file.read(8))
        content = start + 8
        if size == 1:
            (size,) = struct.unpack('>Q', file.read(8))
            content += 8
        stop = start + size if size else end
        if not content <= stop <= end:
            return
        name = kind.decode('latin1')
        yield *parents, name, content
        if name in ('moov', 'trak', 'mdia'):
            yield from _boxes(file, content, stop, *parents, name)
        start = stop


def _matrix(file: BinaryIO, start: int, offset: int) -> np.ndarray:
    """Read the matrix of a box, which is later where times have 64 bits."""
    file.seek(start)
    file.seek(start + offset + (12 if file.read(1) == b'\1' else 0))
    a, b, _, c, d = struct.unpack('>5i', file.read(20))
    return np.array([[a, b], [c, d]]) / 2**16
