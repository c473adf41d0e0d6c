"""One evaluation of photos and artworks together gives each the weights it is for."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config

from tests.test_models.estimators import build
from vlpose_mm.weights.files import write_file

pytestmark = pytest.mark.slow

MIXED = 'HumanArt/annotations/validation_humanart_coco.json'


@pytest.fixture
def evaluate(small_config: Path, mmpose_tool: Callable, tmp_path: Path) -> Callable:
    """Run ``tools/test.py`` on both sets together; return the keypoints by picture."""
    cfg = Config.fromfile(small_config)
    write_file(dict(state_dict=build(cfg.model).state_dict()), str(tmp_path / 'full.pth'))

    def run(route: str) -> dict[int, np.ndarray]:
        options = {
            'model.test_cfg.route': route,
            'test_dataloader.dataset.ann_file': MIXED,
            'test_dataloader.dataset.bbox_file': None,
            'test_evaluator.ann_file': f'{cfg.data_root}{MIXED}',
            'test_evaluator.outfile_prefix': tmp_path / route,
        }
        mmpose_tool(
            'test',
            small_config,
            tmp_path / 'full.pth',
            *('--work-dir', tmp_path / 'work', '--cfg-options'),
            *(f'{key}={value}' for key, value in options.items()),
            cwd=tmp_path,
        )
        people = json.loads((tmp_path / f'{route}.keypoints.json').read_text())
        by_picture = {}
        for person in people:
            keypoints = np.array(person['keypoints'])
            by_picture.setdefault(person['image_id'], []).append(keypoints)
        return {image: np.stack(keypoints) for image, keypoints in by_picture.items()}

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
