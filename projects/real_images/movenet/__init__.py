"""MoveNet Thunder, run by Node from packages of npm, in bboxes."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from mmpose.structures.bbox import bbox_xywh2cs

from projects.real_images.movenet.node import run_graph_model
from vlpose_mm.datasets.image_io import read_image

SIZE = 256
# Side of a crop over the long side of the bbox.
PADDING = 1.25


def find(instances: Iterable[tuple[Path, Sequence[float]]]) -> Iterator[np.ndarray]:
    """Find the keypoints of instances, 17 x (x, y, score), in pixels of the image.

    Args:
        instances (Iterable[tuple[Path, Sequence[float]]]): Image, and bbox: x, y, width and
            height in pixels.

    Raises:
        FileNotFoundError: If Node or the package is not installed.
    """
    matrices = deque()

    def crops() -> Iterator[np.ndarray]:
        previous = None
        for path, bbox in instances:
            if path != previous:
                previous, image = path, read_image(str(path))[..., ::-1]
            square, to_image = crop(np.ascontiguousarray(image), bbox)
            matrices.append(to_image)
            yield square

    for found in estimate(crops()):
        homogeneous = np.column_stack([found[:, :2], np.ones(len(found))])
        yield np.column_stack([homogeneous @ matrices.popleft().T, found[:, 2]])


def crop(image: np.ndarray, bbox: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Cut a square around a bbox.

    Args:
        image (np.ndarray): H x W x 3, RGB.
        bbox (Sequence[float]): x, y, width and height in pixels.

    Returns:
        tuple: The crop, 256 x 256 x 3, and the 2 x 3 matrix from its pixels to those of the
        image.
    """
    center, scale = bbox_xywh2cs(np.array(bbox, float), PADDING)
    side = scale.max()
    left, top = center - side / 2
    to_image = np.array([[side / SIZE, 0, left], [0, side / SIZE, top]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, to_image, (SIZE, SIZE), flags=flags), to_image


def estimate(crops: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Find the keypoints of crops, 17 x (x, y, score), x and y in pixels of the crop."""
    for found in run_graph_model(crops, 'movenet-thunder', SIZE, 'int32'):
        # 17, (y, x, score)
        yield np.column_stack([found[:, 1::-1] * SIZE, found[:, 2]])
