"""The mini model, and pictures to show it."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from vlpose_mm.inference import VLPoseInferencer


@pytest.fixture(scope='session')
def demo() -> VLPoseInferencer:
    """The mini model that comes with the package."""
    return VLPoseInferencer('demo', device='cpu')


@pytest.fixture(scope='session')
def art(mini_data: Path) -> Path:
    """Folder of drawn pictures: group, then scenario."""
    return mini_data / 'HumanArt/images'


@pytest.fixture
def annotations(mini_data: Path) -> str:
    """The people on the validation pictures of :func:`art`."""
    return str(mini_data / 'HumanArt/annotations/validation_humanart.json')


@pytest.fixture
def sketches(art: Path) -> list[str]:
    """Two drawn pictures."""
    return sorted(map(str, art.glob('*/sketch/*.jpg')))


@pytest.fixture
def picture(sketches: list[str]) -> np.ndarray:
    """One of them, in BGR."""
    return cv2.imread(sketches[0])


def write_video(path: Path, pictures: list[np.ndarray], fps: float = 12.0) -> Path:
    """Write a video."""
    code = cv2.VideoWriter_fourcc(*'mp4v')
    writer = cv2.VideoWriter(str(path), code, fps, pictures[0].shape[1::-1])
    for picture in pictures:
        writer.write(picture)
    writer.release()
    return path
