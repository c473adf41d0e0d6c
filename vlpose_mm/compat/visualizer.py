"""Patch: MMPose's visualizers cannot draw a keypoint with NumPy >= 2.4.

MMPose (1.3.2) passes OpenCV ``int(radius)`` of an array with one radius, which NumPy
deprecated in 1.25 and refuses since 2.4. Delete this file when MMPose passes a number.
"""

from collections.abc import Callable

import numpy as np

# MMPose's own.
_draw_circles: Callable | None = None


def _draw_circles_of_number(self, center, radius, *args, **kwargs):
    if self.backend == 'opencv':
        radius = np.asarray(radius).item()
    return _draw_circles(self, center, radius, *args, **kwargs)


def apply_patch() -> str | None:
    """Pass a number as the radius of circles; return what to log."""
    global _draw_circles
    from mmpose.visualization.opencv_backend_visualizer import OpencvBackendVisualizer

    if OpencvBackendVisualizer.draw_circles is _draw_circles_of_number:
        return None
    _draw_circles = OpencvBackendVisualizer.draw_circles
    OpencvBackendVisualizer.draw_circles = _draw_circles_of_number
    return 'MMPose draws the circles of keypoints with a radius that NumPy can convert.'
