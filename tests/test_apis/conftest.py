"""The demo model, and images for it."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from vlpose_mm import VLPoseInferencer


@pytest.fixture(scope='session')
def demo() -> VLPoseInferencer:
    """The small model that comes with the package."""
    return VLPoseInferencer('mini-drawn', device='cpu')


@pytest.fixture(scope='session')
def art(mini_data: Path) -> Path:
    """Folder of drawn images: group, then scenario."""
    return mini_data / 'HumanArt/images'


@pytest.fixture
def annotations(mini_data: Path) -> str:
    """Annotation file of the validation images in :func:`art`."""
    return str(mini_data / 'HumanArt/annotations/validation_humanart.json')


@pytest.fixture
def sketches(art: Path) -> list[str]:
    """Two drawn images."""
    return sorted(map(str, art.glob('*/sketch/*.jpg')))


@pytest.fixture
def image(sketches: list[str]) -> np.ndarray:
    """One of them, in BGR."""
    return cv2.imread(sketches[0])


def write_video(path: Path, images: list[np.ndarray], fps: float = 12.0) -> Path:
    """Write a video."""
    code = cv2.VideoWriter_fourcc(*'mp4v')
    writer = cv2.VideoWriter(str(path), code, fps, images[0].shape[1::-1])
    for image in images:
        writer.write(image)
    writer.release()
    return path
