"""What the models in Node see and find, without Node."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from projects.real_images.movenet import SIZE, centernet, crop


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


def test_people_of_the_detector_are_in_pixels_of_the_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_graph_model(images: Iterator[np.ndarray], *args: object) -> Iterator:
        """What Node would return: a person and a dog, in pixels of the input."""
        for image in images:
            assert image.shape == (512, 512, 3)
            yield np.array([[128, -9, 256, 512, 0.9, 0], [0, 0, 99, 99, 0.8, 16]])

    monkeypatch.setattr(centernet, 'run_graph_model', run_graph_model)
    path = tmp_path / 'image.png'
    cv2.imwrite(str(path), np.zeros((100, 400, 3), np.uint8))
    (found,) = centernet.detect_people([path])
    np.testing.assert_allclose(found, [[100, 0, 200, 100, 0.9]])
