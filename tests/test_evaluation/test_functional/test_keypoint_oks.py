"""OKS of keypoints and of images, by its formula."""

import numpy as np
import pytest

from tests.test_evaluation import synthetic
from tests.test_evaluation.conftest import SIGMAS
from vlpose_mm.evaluation.functional.scenario_evaluation import ScenarioEvaluation


@pytest.mark.parametrize('use_area', [True, False])
def test_labeled_keypoints_are_compared_with_the_nearest_result(
    use_area: bool, evaluation: ScenarioEvaluation, content: dict
) -> None:
    found = synthetic.results(content)
    evaluation = ScenarioEvaluation(evaluation.coco_gt, found, SIGMAS, use_area=use_area)
    by_image = {}
    for instance in content['annotations']:
        if instance['iscrowd'] or not instance['num_keypoints']:
            continue
        gt = np.reshape(instance['keypoints'], (17, 3))
        _, _, width, height = instance['bbox']
        area = instance['area'] if use_area else 0.53 * width * height
        candidates = [np.zeros(17)]  # without results
        for result in found:
            if result['image_id'] == instance['image_id']:
                offset = np.reshape(result['keypoints'], (17, 3))[:, :2] - gt[:, :2]
                scale = 2 * area * (2 * SIGMAS) ** 2
                candidates.append(np.exp(-(offset**2).sum(1) / scale))
        candidates = [np.where(gt[:, 2] > 0, oks, np.nan) for oks in candidates]
        best = max(candidates, key=np.nanmean)
        by_image.setdefault(instance['image_id'], []).append(best)

    expected = {k: np.mean([np.nanmean(oks) for oks in v]) for k, v in by_image.items()}
    assert evaluation.image_oks() == pytest.approx(expected)
    assert 0 in expected.values() and len(expected) < len(evaluation.coco_gt.imgs)
    for name in ('all', 'sketch', 'photos'):
        rows = sum((by_image.get(img_id, []) for img_id in evaluation.images(name)), [])
        oks = evaluation.keypoint_oks(name)
        np.testing.assert_allclose(oks, np.nanmean(rows, axis=0), rtol=1e-6)
    assert np.isnan(evaluation.keypoint_oks(synthetic.EMPTY)).all()
