"""CenterNet on MobileNetV3, a detector of COCO's categories, in Node."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np

from projects.real_images.movenet.node import run_graph_model
from vlpose_mm.datasets.image_io import read_image

CENTERNET = 'centernet'
SIDE = 512
PERSON = 0


def detect_people(paths: Iterable[Path]) -> Iterator[np.ndarray]:
    """Yield x1, y1, x2, y2 in pixels and score of the people on images, N x 5 each."""
    sizes = []

    def images() -> Iterator[np.ndarray]:
        for path in paths:
            image = read_image(str(path))
            sizes.append(image.shape[1::-1])
            yield np.ascontiguousarray(cv2.resize(image, (SIDE, SIDE))[..., ::-1])

    args = CENTERNET, SIDE, 'float32', 'tower_0/detections'
    for rows in run_graph_model(images(), *args):  # 100, (x1, y1, x2, y2, score, category)
        people = rows[rows[:, 5] == PERSON, :5]
        size = np.array(sizes.pop(0))
        people[:, :4] *= np.tile(size, 2) / SIDE
        people[:, :4] = people[:, :4].clip(0, np.tile(size, 2))
        yield people
