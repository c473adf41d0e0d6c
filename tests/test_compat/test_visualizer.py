"""MMPose's visualizers draw keypoints with a NumPy that takes no array for a number."""

import numpy as np
import pytest
from mmpose.visualization import PoseLocalVisualizer

from vlpose_mm.compat import visualizer as patched

IMAGE = np.zeros((20, 20, 3), np.uint8)


# What NumPy refuses since 2.4 it warned of before.
@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('alpha', [1.0, 0.5])
def test_a_circle_has_the_radius_that_is_given_in_an_array(alpha) -> None:
    assert patched.apply_patch() is None
    drawer = PoseLocalVisualizer(backend='opencv')
    drawer.set_image(IMAGE.copy())
    drawer.draw_circles(
        np.array([9.0, 9.0]), np.array([3]), face_colors=(255,) * 3, alpha=alpha
    )
    drawn = drawer.get_image()[9, :, 0].nonzero()[0]
    assert drawn.tolist() == list(range(6, 13))


def test_circles_are_drawn_with_matplotlib_as_before() -> None:
    drawer = PoseLocalVisualizer(backend='matplotlib')
    drawer.set_image(IMAGE.copy())
    drawer.draw_circles(np.array([[5, 5], [15, 15]]), np.array([2, 3]), face_colors='w')
    assert drawer.get_image()[5, 5].any() and drawer.get_image()[15, 15].any()
