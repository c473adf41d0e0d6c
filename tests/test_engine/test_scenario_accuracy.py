"""Accuracy of a scenario classifier."""

import torch
from mmengine.config import Config
from mmengine.runner import Runner

from vlpose_mm.datasets.scenarios import SCENARIOS
from vlpose_mm.engine.scenario_accuracy import measure_scenarios
from vlpose_mm.engine.scenario_fitting import fit_scenarios, original_maps, training_loader
from vlpose_mm.models.classifiers.scenario_classifier import ScenarioClass
from vlpose_mm.models.pose_estimators.vlpose import VLPoseEstimator


def test_counts_the_decisions_of_the_instances_of_an_image(
    cfg: Config, model: VLPoseEstimator
) -> None:
    cfg.train_dataloader.batch_size = 64
    loader = training_loader(cfg)
    fit_scenarios(model, loader)
    ((feature_map, samples),) = original_maps(model, loader)
    images: dict[str, list[int]] = {}
    for row, sample in enumerate(samples):
        images.setdefault(sample.metainfo['img_path'], []).append(row)
    log_probs = model.scenario_classifier(feature_map)
    right = {}
    for rows in images.values():
        decision = model.scenario_classifier.decide(log_probs[rows])
        name = samples[rows[0]].metainfo['scenario']
        right.setdefault(name, []).append(decision.scenario_class.scenario == name)

    found = measure_scenarios(model, loader)
    assert [row['name'] for row in found['scenarios']] == [*SCENARIOS, None]
    for row in found['scenarios']:
        assert row['images'] == len(right[row['name']])
        assert row['scenario_correct'] == sum(right[row['name']])
    total = found['total']
    assert total['instances'] == len(samples) and total['images'] == 19 + 4
    assert 0 < total['scenario_correct'] <= total['domain_correct']


def test_a_constant_decision_is_right_on_its_scenario_and_domain(
    cfg: Config, model: VLPoseEstimator
) -> None:
    classes = [
        ScenarioClass('dance', 'real_human', 'a photo of a person dancing'),
        ScenarioClass('mural', '2D_virtual_human', 'a mural of a person'),
    ]
    width = model.backbone.out_channels
    model.scenario_classifier.assign(
        classes, torch.zeros(2, width), torch.tensor([1.0, 0.0])
    )
    loader = Runner.build_dataloader(cfg.val_dataloader, seed=0)
    found = measure_scenarios(model, loader)
    for row in found['scenarios']:
        natural = SCENARIOS[row['name']].group == 'real_human'
        assert row['domain_correct'] == row['images'] * natural
        assert row['scenario_correct'] == row['images'] * (row['name'] == 'dance')


def test_the_first_batch_decides_for_instances_in_later_ones(
    cfg: Config, model: VLPoseEstimator
) -> None:
    # Separates the instances of an image.
    cfg.train_dataloader.batch_size = 1
    loader = training_loader(cfg)
    fit_scenarios(model, loader)
    first = {}
    for feature_map, (sample,) in original_maps(model, loader):
        decision = model.scenario_classifier.decide(model.scenario_classifier(feature_map))
        name = sample.metainfo['scenario']
        right = decision.scenario_class.scenario == name
        first.setdefault(sample.metainfo['img_path'], right)
    total = measure_scenarios(model, loader)['total']
    assert total['instances'] > total['images'] == len(first)
    assert total['scenario_correct'] == sum(first.values())
