"""Fixtures of the tests of attention maps on images."""

from pathlib import Path

import pytest
from mmengine.config import Config

from tests.test_models.estimators import build
from vlpose_mm.models.pose_estimators.vlpose import VLPoseEstimator


@pytest.fixture(scope='session')
def art(mini_data: Path) -> Path:
    """A drawn cartoon, with people on it."""
    (path,) = mini_data.glob('HumanArt/images/2D_virtual_human/cartoon/*5*.jpg')
    return path


@pytest.fixture
def model(small_config: Path) -> VLPoseEstimator:
    """A model with random weights, as ``init_model`` makes it."""
    cfg = Config.fromfile(small_config)
    model = build(cfg.model).eval()
    model.cfg, model.dataset_meta = cfg, dict(flip_indices=FLIP_INDICES)
    return model


FLIP_INDICES = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]
