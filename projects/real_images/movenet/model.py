"""MoveNet Thunder with the interface of the other models."""

import hashlib
from collections.abc import Iterator

import numpy as np
from mmpose.datasets.datasets import CocoDataset

from projects.real_images.models import ORIGINAL, Found
from projects.real_images.movenet import PADDING, find
from projects.real_images.movenet.node import FOLDER
from projects.real_images.sets import RealSet

MOVENET = 'movenet'


class MoveNet:
    """MoveNet Thunder; it has one route."""

    routes = (ORIGINAL,)

    def __init__(self, name: str = MOVENET) -> None:
        self.name = name
        self.dataset_meta = CocoDataset(lazy_init=True).metainfo
        versions = (FOLDER / 'package.json').read_bytes()
        self.digest = hashlib.sha256(versions).hexdigest()[:16]

    def run(
        self, real_set: RealSet, bboxes: dict[int, np.ndarray], route: str
    ) -> Iterator[Found]:
        """Estimate the poses in the bboxes of a set, image id -> N x 5."""
        images = [image for image in real_set.images if len(bboxes[image['id']])]
        instances = []  # Path, and x, y, width and height.
        for image in images:
            path = real_set.images_root / image['file_name']
            for x1, y1, x2, y2, _ in bboxes[image['id']]:
                instances.append((path, (x1, y1, x2 - x1, y2 - y1)))
        found = find(instances)
        for image in images:
            mine = bboxes[image['id']]
            keypoints = np.array([next(found) for _ in mine])  # N, 17, (x, y, score)
            sides = PADDING * (mine[:, 2:4] - mine[:, :2]).max(axis=1)
            yield Found(
                image['id'], route, keypoints[..., :2], keypoints[..., 2], mine, sides**2
            )
