"""What MoveNet sees of an instance."""

import numpy as np

from projects.real_images.movenet import SIZE, crop


def test_a_point_of_the_crop_is_where_the_image_has_it() -> None:
    image = np.zeros((300, 400, 3), np.uint8)
    image[100:104, 220:224] = 255
    found, to_image = crop(image, [150, 80, 100, 60])
    assert found.shape == (SIZE, SIZE, 3)
    y, x = np.argwhere(found[..., 0] > 200).mean(axis=0)
    np.testing.assert_allclose(to_image @ [x, y, 1], [221.5, 101.5], atol=0.5)


def test_a_crop_is_a_square_around_the_bbox_and_black_outside_of_the_image() -> None:
    image = np.full((100, 100, 3), 255, np.uint8)
    found, to_image = crop(image, [0, 20, 40, 80])
    np.testing.assert_allclose(to_image @ [0, 0, 1], [20 - 50, 60 - 50])
    np.testing.assert_allclose(to_image @ [SIZE, SIZE, 1], [20 + 50, 60 + 50])
    assert (found[:200, 100:] == 255).all() and not found[:, :60].any()
