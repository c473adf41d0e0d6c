"""Images with skeletons, drawn by MMPose's visualizer."""

from collections.abc import Sequence

import cv2
import numpy as np
from mmengine.structures import InstanceData
from mmpose.datasets.datasets import CocoDataset
from mmpose.structures import PoseDataSample
from mmpose.visualization import PoseLocalVisualizer


class SkeletonPainter:
    """Draws the people that a model found."""

    def __init__(self) -> None:
        self.visualizer = PoseLocalVisualizer(radius=4, line_width=2)
        self.visualizer.set_dataset_meta(CocoDataset(lazy_init=True).metainfo)

    def paint(self, image: np.ndarray, found: Sequence[dict], scale: float) -> np.ndarray:
        """Draw people with all their keypoints, sure or not, for all of them count.

        Args:
            image (np.ndarray): Image in RGB, H x W x 3.
            found (Sequence[dict]): Results on it, in COCO's format.
            scale (float): What to enlarge the image by first.

        Returns:
            np.ndarray: The enlarged image with skeletons, in RGB.
        """
        image = cv2.resize(image, None, fx=scale, fy=scale)
        keypoints = np.array([r['keypoints'] for r in found], float)
        keypoints = keypoints.reshape(-1, 17, 3)  # N, K, 3
        sample = PoseDataSample(
            pred_instances=InstanceData(
                keypoints=keypoints[..., :2] * scale, keypoint_scores=keypoints[..., 2]
            )
        )
        return self.visualizer.add_datasample(
            'people',
            np.ascontiguousarray(image),
            sample,
            draw_gt=False,
            draw_bbox=False,
        )

    def paint_pair(
        self, image: np.ndarray, pair: Sequence[Sequence[dict]], height: int, gap: int
    ) -> np.ndarray:
        """Draw what two models found on an image side by side.

        Args:
            image (np.ndarray): Image in RGB, H x W x 3.
            pair (Sequence[Sequence[dict]]): Results of both.
            height (int): Of the drawing, in pixels; a broad image is drawn lower.
            gap (int): White pixels between the two.

        Returns:
            np.ndarray: The drawing, in RGB.
        """
        scale = min(height / image.shape[0], 1.2 * height / image.shape[1])
        one, other = (self.paint(image, found, scale) for found in pair)
        space = np.full((one.shape[0], gap, 3), 255, np.uint8)
        return np.hstack([one, space, other])
