"""One evaluation of photos and artworks together gives each the weights it is for."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from tests.test_models.estimators import build
from vlpose_mm.checkpoint.io import write_file

pytestmark = pytest.mark.slow

MIXED = 'HumanArt/annotations/validation_humanart_coco.json'


@pytest.fixture
def evaluate(small_config: Path, tmp_path: Path) -> Callable:
    """Test on both sets together; return the keypoints by image."""
    cfg = Config.fromfile(small_config)
    cfg.load_from = str(tmp_path / 'full.pth')
    write_file(dict(state_dict=build(cfg.model).state_dict()), cfg.load_from)
    cfg.test_dataloader.dataset.update(ann_file=MIXED, bbox_file=None)
    cfg.test_evaluator.ann_file = f'{cfg.data_root}{MIXED}'

    def run(route: str) -> dict[int, np.ndarray]:
        cfg.model.test_cfg.route = route
        cfg.test_evaluator.outfile_prefix = str(tmp_path / route)
        cfg.work_dir = str(tmp_path / route)
        cfg.experiment_name = cfg.work_dir.replace('/', '_')
        Runner.from_cfg(cfg).test()
        instances = json.loads((tmp_path / f'{route}.keypoints.json').read_text())
        by_image = {}
        for instance in instances:
            keypoints = np.array(instance['keypoints'])
            by_image.setdefault(instance['image_id'], []).append(keypoints)
        return {image: np.stack(keypoints) for image, keypoints in by_image.items()}

    return run


def test_auto_gives_photos_the_original_and_artworks_the_tuned_weights(
    evaluate: Callable, mini_data: Path
) -> None:
    auto, tuned, original = (evaluate(route) for route in ('auto', 'tuned', 'original'))
    records = json.loads((mini_data / MIXED).read_text())['images']
    assert auto.keys() == tuned.keys() == original.keys()
    kinds = {record['id']: 'category' in record for record in records}
    assert {kinds[image] for image in auto} == {True, False}
    for image, found in auto.items():
        expected, other = (tuned, original) if kinds[image] else (original, tuned)
        np.testing.assert_allclose(found, expected[image], rtol=1e-3, atol=1e-2)
        assert np.abs(found - other[image]).max() > 1
