"""Random flip with contiguous images."""

import cv2
import numpy as np
from mmcv.image import imflip
from mmpose.datasets.transforms import RandomFlip
from mmpose.registry import TRANSFORMS

FLIP_CODES = dict(horizontal=1, vertical=0, diagonal=-1)  # of OpenCV


@TRANSFORMS.register_module()
class ContiguousRandomFlip(RandomFlip):
    """MMPose's :class:`RandomFlip` with contiguous flipped images.

    MMPose's are views with negative strides, which OpenCV copies slowly before it can warp
    them. Pixels, bboxes and keypoints are the same. Lists of images, and images that are
    not uint8, stay as MMPose returns them.
    """

    def transform(self, results: dict) -> dict:
        """Flip a sample at random; see :class:`mmpose.datasets.transforms.RandomFlip`."""
        results = super().transform(results)
        direction, flipped = results['flip_direction'], results['img']
        if direction is not None and getattr(flipped, 'dtype', None) == np.uint8:
            # The view of the view is the original image.
            image = cv2.flip(imflip(flipped, direction), FLIP_CODES[direction])
            results['img'] = image.reshape(flipped.shape)  # OpenCV drops one channel
        return results
