"""What a graph says about itself."""

import json

import numpy as np
import pytest
from mmengine.config import Config
from mmpose.datasets.datasets import CocoDataset

from tests.test_models.estimators import build
from tests.test_models.test_classifiers.test_scenario_classifier import CLASSES
from vlpose_mm.export.metadata import describe, keypoints_of
from vlpose_mm.export.text_prompts import TextPrompts, collect_text_prompts
from vlpose_mm.models import ScenarioClassifier, VLPoseEstimator

Small = tuple[Config, VLPoseEstimator]


def described(cfg: Config, model: VLPoseEstimator) -> dict:
    keypoints = keypoints_of(cfg)
    classifier = model.scenario_classifier
    prompts = collect_text_prompts(cfg, None, keypoints['names'], classifier)
    return json.loads(json.dumps(describe(cfg, model, keypoints, prompts)))


def test_keypoints_crops_decoding_and_routes_are_described(small: Small) -> None:
    found = described(*small)
    assert found['codec'] == dict(
        type='UDPHeatmap',
        input_size=[192, 256],
        heatmap_size=[48, 64],
        sigma=2.0,
        blur_kernel_size=11,
    )
    assert found['use_udp'] and found['padding'] == 1.25 and found['bgr_to_rgb']
    np.testing.assert_allclose(found['mean'], [123.675, 116.28, 103.53])
    np.testing.assert_allclose(found['std'], [58.395, 57.12, 57.375])
    assert found['flip_test'] and not found['shift_heatmap']
    assert found['route'] == 'tuned' and found['routes']['none'] == 'original'
    assert found['classifier'] is None and len(found['text_prompts']) == 20
    keypoints, meta = found['keypoints'], CocoDataset(lazy_init=True).metainfo
    assert keypoints['names'][:3] == ['nose', 'left_eye', 'right_eye']
    assert keypoints['flip_indices'] == meta['flip_indices']
    np.testing.assert_allclose(keypoints['sigmas'], meta['sigmas'], rtol=1e-4)
    assert keypoints['skeleton'] == [list(pair) for pair in meta['skeleton_links']]
    assert len(keypoints['skeleton_colors']) == len(keypoints['skeleton'])
    assert len(keypoints['colors']) == 17


def test_the_classes_of_the_classifier_are_described(small: Small) -> None:
    cfg, model = small
    model.scenario_classifier = ScenarioClassifier()
    model.scenario_classifier.classes = CLASSES
    found = described(cfg, model)
    dance, mural, pixels, photo = found['classifier']
    index = found['scenarios']['dance']
    assert dance == dict(scenario='dance', natural=True, text_prompt=index)
    assert found['text_prompts'][mural['text_prompt']] == ['a mural', 'a person']
    assert not pixels['natural'] and photo['natural'] and photo['scenario'] is None


def test_a_model_without_text_encoder_has_no_text_prompts(small: Small) -> None:
    cfg, _ = small
    cfg.model.text_encoder = None
    assert described(cfg, build(cfg.model))['text_prompts'] == []


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'model.head.decoder.heatmap_type': 'combined'}, 'UDPHeatmap in a form that'),
        ({'model.test_cfg.flip_mode': 'udp_combined'}, "only 'heatmap' can be exported"),
        ({'model.head.decoder.input_size': (192, 128)}, 'make them the same'),
        ({'test_dataloader': None}, 'no test_dataloader'),
        ({'test_dataloader.dataset.pipeline': []}, 'has no TopdownAffine'),
    ],
)
def test_what_a_runtime_could_not_do_is_refused(
    settings: dict, message: str, small: Small
) -> None:
    cfg, _ = small
    cfg.merge_from_dict(settings)
    if 'test_dataloader.dataset.pipeline' in settings:
        cfg.test_dataloader.dataset.pipeline = []
    model = build(cfg.model)
    with pytest.raises(ValueError, match=message):
        describe(cfg, model, keypoints_of(cfg), TextPrompts([], [], {}))
