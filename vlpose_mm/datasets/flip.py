"""MMPose's random flip, in less time."""

import cv2
from mmcv.image import imflip
from mmpose.datasets.transforms import RandomFlip
from mmpose.registry import TRANSFORMS

# OpenCV's names of the directions.
FLIP_CODES = dict(horizontal=1, vertical=0, diagonal=-1)


@TRANSFORMS.register_module()
class ContiguousRandomFlip(RandomFlip):
    """MMPose's :class:`RandomFlip` with flipped pictures that lie in memory as others do.

    There, a flipped picture is a view with negative strides, which OpenCV has to copy, and
    slowly, before it can warp it. Pixels, boxes and keypoints are the same.
    """

    def transform(self, results: dict) -> dict:
        """Flip a sample, or not.

        Args:
            results (dict): The sample.

        Returns:
            dict: The sample with ``flip`` and ``flip_direction``; flipped if so.
        """
        results = super().transform(results)
        direction = results['flip_direction']
        if direction is not None:
            # The view of the view is the picture as it was.
            picture = imflip(results['img'], direction)
            results['img'] = cv2.flip(picture, FLIP_CODES[direction])
        return results
