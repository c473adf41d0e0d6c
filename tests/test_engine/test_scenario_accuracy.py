"""Accuracy of a scenario classifier."""

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from vlpose_mm.datasets.scenarios import SCENARIOS
from vlpose_mm.engine.scenario_accuracy import measure_scenarios
from vlpose_mm.engine.scenario_fitting import fit_scenarios, original_maps, training_loader
from vlpose_mm.models.classifiers.scenario_classifier import ScenarioClass
from vlpose_mm.models.pose_estimators.router import group_by_image
from vlpose_mm.models.pose_estimators.vlpose import VLPoseEstimator


# The second separates the instances of an image.
@pytest.mark.parametrize('batch_size', [64, 1])
def test_the_instances_in_the_first_batch_of_an_image_decide_and_all_count(
    batch_size: int, cfg: Config, model: VLPoseEstimator
) -> None:
    cfg.train_dataloader.batch_size = batch_size
    loader, classifier = training_loader(cfg), model.scenario_classifier
    fit_scenarios(model, loader)
    right = {}
    for feature_map, samples in original_maps(model, loader):
        log_probs = classifier(feature_map)
        for image, rows in group_by_image(samples).items():
            name = samples[rows[0]].metainfo['scenario']
            found = classifier.decide(log_probs[rows]).scenario_class.scenario
            right.setdefault(image, (name, found == name))

    measured = measure_scenarios(model, loader)
    assert [row['name'] for row in measured['scenarios']] == [*SCENARIOS, None]
    for row in measured['scenarios']:
        own = [is_right for name, is_right in right.values() if name == row['name']]
        assert (row['images'], row['scenario_correct']) == (len(own), sum(own))
    total = measured['total']
    assert total['instances'] == len(loader.dataset) > total['images'] == 19 + 4
    assert 0 < total['scenario_correct'] <= total['domain_correct']


def test_a_constant_decision_is_right_on_its_scenario_and_domain(
    cfg: Config, model: VLPoseEstimator
) -> None:
    classes = [
        ScenarioClass('dance', 'real_human', 'a photo of a person dancing'),
        ScenarioClass('mural', '2D_virtual_human', 'a mural of a person'),
    ]
    weight = torch.zeros(2, model.backbone.out_channels)
    model.scenario_classifier.assign(classes, weight, torch.tensor([1.0, 0.0]))
    loader = Runner.build_dataloader(cfg.val_dataloader, seed=0)
    for row in measure_scenarios(model, loader)['scenarios']:
        natural = SCENARIOS[row['name']].group == 'real_human'
        assert row['domain_correct'] == row['images'] * natural
        assert row['scenario_correct'] == row['images'] * (row['name'] == 'dance')
