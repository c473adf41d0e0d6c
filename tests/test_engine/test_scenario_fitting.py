"""Fitting a scenario classifier in one pass over the training images."""

import pytest
import torch
from mmengine.config import Config

from vlpose_mm.checkpoint.metadata import KEY, decode, encode
from vlpose_mm.datasets.scenarios import DEFAULT_TEXT_PROMPT, SCENARIOS
from vlpose_mm.engine.scenario_fitting import (
    add_classifier,
    fit_scenarios,
    is_held_out,
    original_maps,
    training_loader,
)
from vlpose_mm.models.classifiers.scenario_classifier import ScenarioClass
from vlpose_mm.models.pose_estimators.vlpose import VLPoseEstimator


def test_the_classes_are_the_scenarios_with_the_text_prompts_of_the_pipeline(
    cfg: Config, model: VLPoseEstimator
) -> None:
    # Of the validation.
    assign = cfg.val_dataloader.dataset.pipeline[-2]
    assign.text_prompts = {'mural': ['a fresco', 'a wall']}
    fit_scenarios(model, training_loader(cfg))
    classes = {each.scenario: each for each in model.scenario_classifier.classes}
    assert list(classes) == [*SCENARIOS, None]
    for name, (group, text_prompt) in SCENARIOS.items():
        prompt = ['a fresco', 'a wall'] if name == 'mural' else text_prompt
        assert classes[name] == ScenarioClass(name, group, prompt)
    assert classes[None] == ScenarioClass(None, None, DEFAULT_TEXT_PROMPT)
    # A text prompt of all images belongs to no scenario.
    del assign.text_prompts
    assign.text_prompt = 'an image'
    fit_scenarios(model, training_loader(cfg))
    classes = {each.scenario: each for each in model.scenario_classifier.classes}
    assert classes['mural'].text_prompt == SCENARIOS['mural'].text_prompt
    assert classes[None].text_prompt == DEFAULT_TEXT_PROMPT


def test_one_pass_sees_each_image_once_and_does_not_depend_on_batches(
    cfg: Config, model: VLPoseEstimator
) -> None:
    model.train()
    model.head.aux_deconv_layers.eval()
    modes = {name: module.training for name, module in model.named_modules()}
    loader = training_loader(cfg)
    transforms = [type(t).__name__ for t in loader.dataset.pipeline.transforms]
    assert transforms[:3] == ['LoadImage', 'GetBBoxCenterScale', 'TopdownAffine']
    assert transforms[3:] == ['AssignTextPrompt', 'PackPoseInputs']
    ids = []
    for feature_map, samples in original_maps(model, loader):
        ids += [sample.metainfo['id'] for sample in samples]
        assert not model.training and not feature_map.requires_grad
        assert torch.is_grad_enabled()
    assert len(ids) == len(set(ids)) == len(loader.dataset) > 23
    assert modes == {name: module.training for name, module in model.named_modules()}

    fitted = []
    for batch_size in (4, 7):
        cfg.train_dataloader.batch_size = batch_size
        fit_scenarios(model, training_loader(cfg))
        fitted.append(model.scenario_classifier.weight)
    std = fitted[0].std().item()
    torch.testing.assert_close(fitted[0], fitted[1], rtol=1e-2, atol=1e-2 * std)
    correct = []
    for feature_map, samples in original_maps(model, loader):
        best = model.scenario_classifier(feature_map).argmax(dim=1)
        for k, sample in zip(best, samples, strict=True):
            found = model.scenario_classifier.classes[k].scenario
            correct.append(found == sample.metainfo['scenario'])
    # With random weights and few instances.
    assert sum(correct) / len(correct) > 0.5


def test_the_natural_rate_is_that_of_the_natural_images_held_out(
    cfg: Config, model: VLPoseEstimator
) -> None:
    loader = training_loader(cfg)
    found = {}
    for rate in (None, 0.3, 0.8):
        model.scenario_classifier.natural_rate = rate
        fit_scenarios(model, loader)
        natural = torch.tensor([each.natural for each in model.scenario_classifier.classes])
        decided = []
        for feature_map, samples in original_maps(model, loader):
            probs = model.scenario_classifier(feature_map).exp()
            for artificial, sample in zip(probs[:, ~natural].sum(1), samples, strict=True):
                group = sample.metainfo['group']
                is_photo = sample.metainfo['scenario'] is None or group == 'real_human'
                if is_photo and is_held_out(sample):
                    decided.append(artificial.item() <= 0.5)
        found[rate] = sum(decided) / len(decided)
    assert found[0.3] == pytest.approx(0.3, abs=1.5 / len(decided))
    assert found[0.8] == pytest.approx(0.8, abs=1.5 / len(decided))


def test_refuses_one_side_alone_and_configs_without_scenarios_or_pipelines(
    cfg: Config, model: VLPoseEstimator
) -> None:
    for scenario, side in (('mural', 'artificial'), ('dance', 'natural')):
        file = f'HumanArt/annotations/training_humanart_{scenario}.json'
        cfg.train_dataloader.dataset.ann_file = file
        with pytest.raises(ValueError, match=f'are all {side}.*train on a set with both'):
            fit_scenarios(model, training_loader(cfg))
        assert not model.scenario_classifier.fitted
    del cfg.val_dataloader.dataset.pipeline[-2]
    with pytest.raises(ValueError, match="scenario; add dict.type='AssignTextPrompt'"):
        fit_scenarios(model, training_loader(cfg))
    # Without validation, the pipeline of the test.
    cfg.val_dataloader = None
    transforms = training_loader(cfg).dataset.pipeline.transforms
    assert len(transforms) == len(cfg.test_dataloader.dataset.pipeline)
    cfg.test_dataloader = None
    with pytest.raises(ValueError, match='no val_dataloader.dataset.pipeline'):
        training_loader(cfg)
    cfg.train_dataloader = None
    with pytest.raises(ValueError, match='no train_dataloader.dataset.pipeline'):
        training_loader(cfg)


def test_adding_the_classifier_changes_nothing_else_of_a_checkpoint(
    cfg: Config, model: VLPoseEstimator
) -> None:
    state_dict = model.state_dict()
    identity = decode(state_dict[KEY])
    identity['base'] = dict(sha256='0', shapes={})
    before = dict(meta=dict(epoch=3), state_dict={**state_dict, KEY: encode(identity)})
    fit_scenarios(model, training_loader(cfg))
    after = add_classifier(before, model.scenario_classifier)
    assert after['meta'] == before['meta']
    fitted = model.scenario_classifier.state_dict()
    names = [f'scenario_classifier.{name}' for name in fitted]
    for name, tensor in before['state_dict'].items():
        if name != KEY and name not in names:
            assert after['state_dict'][name] is tensor
    for name in fitted:
        added = after['state_dict'][f'scenario_classifier.{name}']
        assert torch.equal(added, fitted[name])
    wanted = {**identity, 'adapter_params': [*identity['adapter_params'], *names]}
    assert decode(after['state_dict'][KEY]) == wanted
    # Whatever the file calls its weights.
    named = add_classifier(dict(model=before['state_dict']), model.scenario_classifier)
    assert named.keys() == {'model'} and set(names) < named['model'].keys()
    again = add_classifier(after, model.scenario_classifier)
    assert decode(again['state_dict'][KEY]) == wanted
