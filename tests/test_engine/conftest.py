"""Fixtures: a small config that classifies, and its model."""

from pathlib import Path

import pytest
from mmengine.config import Config
from mmpose.registry import MODELS

from vlpose_mm.models.pose_estimators.vlpose import VLPoseEstimator


@pytest.fixture
def cfg(small_config: Path, tmp_path: Path) -> Config:
    """A VLPose with a classifier, on one image of every scenario and a few photos."""
    cfg = Config.fromfile(small_config)
    cfg.merge_from_dict(
        dict(
            model=dict(
                scenario_classifier=dict(type='ScenarioClassifier'),
                test_cfg=dict(route='auto'),
            ),
            train_dataloader=dict(
                dataset=dict(ann_file='HumanArt/annotations/training_humanart_coco.json')
            ),
            work_dir=str(tmp_path / 'work'),
        )
    )
    return cfg


@pytest.fixture
def model(cfg: Config) -> VLPoseEstimator:
    """Its model, with random weights."""
    model = MODELS.build(cfg.model)
    model.init_weights()
    return model
