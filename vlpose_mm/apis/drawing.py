"""Draw instances with lines in proportion to the image."""

import cv2
import numpy as np
from mmpose.structures import PoseDataSample
from mmpose.visualization import PoseLocalVisualizer


def draw_instances(
    visualizer: PoseLocalVisualizer,
    image: np.ndarray,
    sample: PoseDataSample,
    scale: float = 1.0,
    kpt_thr: float = 0.3,
    draw_bbox: bool = False,
) -> np.ndarray:
    """Draw the instances on an image.

    Args:
        visualizer (PoseLocalVisualizer): MMPose's visualizer.
        image (np.ndarray): BGR, H x W x 3.
        sample (PoseDataSample): Its prediction.
        scale (float): How much larger the drawing is than the image.
        kpt_thr (float): Lowest score of a keypoint that is drawn.
        draw_bbox (bool): Whether to draw bboxes.

    Returns:
        np.ndarray: RGB, uint8.
    """
    sample = sample.new()
    instances = sample.pred_instances = sample.pred_instances.clone()
    if scale != 1:
        mode = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
        height, width = (max(1, round(n * scale)) for n in image.shape[:2])
        image = cv2.resize(image, (width, height), interpolation=mode)
        instances.keypoints = instances.keypoints * scale
        instances.bboxes = instances.bboxes * scale
    thickness = max(1, round(min(image.shape[:2]) / 300))
    visualizer.radius, visualizer.line_width = 2 * thickness, thickness
    return visualizer.add_datasample(
        'instances',
        np.ascontiguousarray(image[..., ::-1]),
        sample,
        draw_gt=False,
        draw_bbox=draw_bbox,
        kpt_thr=kpt_thr,
    )
