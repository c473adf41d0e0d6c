"""Draw skeletons with MMPose's visualizer."""

from collections.abc import Sequence

import cv2
import numpy as np
from mmengine.structures import InstanceData
from mmpose.datasets.datasets import CocoDataset
from mmpose.structures import PoseDataSample
from mmpose.visualization import PoseLocalVisualizer


class SkeletonPainter:
    """Draw COCO-format results on images."""

    def __init__(self) -> None:
        self.visualizer = PoseLocalVisualizer(radius=4, line_width=2)
        self.visualizer.set_dataset_meta(CocoDataset(lazy_init=True).metainfo)

    def paint(self, image: np.ndarray, results: Sequence[dict], scale: float) -> np.ndarray:
        """Draw all keypoints of COCO-format results, whatever their scores, as AP does.

        The image, RGB, is resized by ``scale`` first.
        """
        image = cv2.resize(image, None, fx=scale, fy=scale)
        keypoints = np.array([r['keypoints'] for r in results], float).reshape(-1, 17, 3)
        instances = InstanceData(
            keypoints=keypoints[..., :2] * scale, keypoint_scores=keypoints[..., 2]
        )
        return self.visualizer.add_datasample(
            'results',
            np.ascontiguousarray(image),
            PoseDataSample(pred_instances=instances),
            draw_gt=False,
            draw_bbox=False,
        )

    def paint_pair(
        self, image: np.ndarray, pair: Sequence[Sequence[dict]], height: int, gap: int
    ) -> np.ndarray:
        """Draw the results of two models side by side, with white pixels between them.

        Images are ``height`` pixels high, wide ones less.
        """
        scale = min(height / image.shape[0], 1.2 * height / image.shape[1])
        left, right = (self.paint(image, results, scale) for results in pair)
        space = np.full((left.shape[0], gap, 3), 255, np.uint8)
        return np.hstack([left, space, right])
