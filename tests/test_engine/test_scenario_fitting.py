"""What one pass over the training images makes of a classifier."""

import copy

import pytest
import torch
from mmengine.config import Config

from vlpose_mm.checkpoint.metadata import KEY, decode, encode
from vlpose_mm.datasets.scenarios import DEFAULT_TEXT_PROMPT, SCENARIOS
from vlpose_mm.engine.scenario_fitting import (
    add_classifier,
    fit_scenarios,
    original_maps,
    training_loader,
)
from vlpose_mm.models.classifiers.scenario_classifier import ScenarioClass
from vlpose_mm.models.pose_estimators.vlpose import VLPoseEstimator


def test_the_classes_are_the_scenarios_met_with_the_prompts_they_had(
    cfg: Config, model: VLPoseEstimator
) -> None:
    # The pipeline of the validation is the one that counts.
    assign = cfg.val_dataloader.dataset.pipeline[-2]
    assign.text_prompts = {'mural': ['a fresco', 'a wall']}
    fit_scenarios(model, training_loader(cfg))
    classes = {given.scenario: given for given in model.scenario_classifier.classes}
    assert list(classes) == [*SCENARIOS, None]
    for name, (group, text_prompt) in SCENARIOS.items():
        prompt = ['a fresco', 'a wall'] if name == 'mural' else text_prompt
        assert classes[name] == ScenarioClass(name, group, prompt)
    assert classes[None] == ScenarioClass(None, None, DEFAULT_TEXT_PROMPT)


def test_a_text_prompt_of_all_images_is_no_scenarios_own(
    cfg: Config, model: VLPoseEstimator
) -> None:
    cfg.val_dataloader.dataset.pipeline[-2].text_prompt = 'an image'
    fit_scenarios(model, training_loader(cfg))
    prompts = {g.scenario: g.text_prompt for g in model.scenario_classifier.classes}
    assert prompts['mural'] == SCENARIOS['mural'].text_prompt
    assert prompts[None] == DEFAULT_TEXT_PROMPT


def test_training_images_are_seen_once_each_as_in_validation(
    cfg: Config, model: VLPoseEstimator
) -> None:
    loader = training_loader(cfg)
    assert [type(t).__name__ for t in loader.dataset.pipeline.transforms] == [
        'LoadImage',
        'GetBBoxCenterScale',
        'TopdownAffine',
        'AssignTextPrompt',
        'PackPoseInputs',
    ]
    ids = [s.metainfo['id'] for _, samples in original_maps(model, loader) for s in samples]
    assert len(ids) == len(set(ids)) == len(loader.dataset) > 23


def test_the_classifier_knows_the_images_it_was_fitted_on(
    cfg: Config, model: VLPoseEstimator
) -> None:
    loader = training_loader(cfg)
    fit_scenarios(model, loader)
    rights = []
    for feature_map, samples in original_maps(model, loader):
        best = model.scenario_classifier(feature_map).argmax(dim=1)
        for k, sample in zip(best, samples, strict=True):
            found = model.scenario_classifier.classes[k].scenario
            rights.append(found == sample.metainfo['scenario'])
    # Random weights, and the few people that there are.
    assert sum(rights) / len(rights) > 0.5


def test_the_batches_do_not_matter(cfg: Config, model: VLPoseEstimator) -> None:
    fitted = []
    for batch_size in (4, 7):
        cfg.train_dataloader.batch_size = batch_size
        fit_scenarios(model, training_loader(cfg))
        fitted.append(copy.deepcopy(model.scenario_classifier))
    torch.testing.assert_close(
        fitted[0].weight, fitted[1].weight, rtol=1e-2, atol=1e-2 * fitted[0].weight.std()
    )


def test_the_pass_leaves_modes_and_gradients_alone(
    cfg: Config, model: VLPoseEstimator
) -> None:
    model.train()
    model.head.aux_deconv_layers.eval()
    modes = {name: module.training for name, module in model.named_modules()}
    for feature_map, _ in original_maps(model, training_loader(cfg)):
        assert not model.training and not feature_map.requires_grad
        assert torch.is_grad_enabled()
    assert modes == {name: module.training for name, module in model.named_modules()}


@pytest.mark.parametrize(
    ('scenario', 'side'), [('mural', 'artificial'), ('dance', 'natural')]
)
def test_refuses_images_of_one_side_alone(
    scenario: str, side: str, cfg: Config, model: VLPoseEstimator
) -> None:
    file = f'HumanArt/annotations/training_humanart_{scenario}.json'
    cfg.train_dataloader.dataset.ann_file = file
    with pytest.raises(ValueError, match=f'are all {side}.*train on a set with both'):
        fit_scenarios(model, training_loader(cfg))
    assert not model.scenario_classifier.fitted


def test_refuses_samples_that_do_not_tell_their_scenario(
    cfg: Config, model: VLPoseEstimator
) -> None:
    del cfg.val_dataloader.dataset.pipeline[-2]
    with pytest.raises(ValueError, match="scenario; add dict.type='AssignTextPrompt'"):
        fit_scenarios(model, training_loader(cfg))


def test_takes_the_pipeline_of_the_test_where_nothing_is_validated(cfg: Config) -> None:
    cfg.val_dataloader = None
    assert len(training_loader(cfg).dataset.pipeline.transforms) == 5
    cfg.test_dataloader = None
    with pytest.raises(ValueError, match='no val_dataloader.dataset.pipeline'):
        training_loader(cfg)
    cfg.train_dataloader = None
    with pytest.raises(ValueError, match='no train_dataloader.dataset.pipeline'):
        training_loader(cfg)


def test_a_checkpoint_with_the_classifier_is_else_the_same(
    cfg: Config, model: VLPoseEstimator
) -> None:
    state_dict = model.state_dict()
    told = decode(state_dict[KEY])
    told['base'] = dict(sha256='0', shapes={})
    before = dict(meta=dict(epoch=3), state_dict={**state_dict, KEY: encode(told)})
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
    wanted = {**told, 'adapter_params': [*told['adapter_params'], *names]}
    assert decode(after['state_dict'][KEY]) == wanted
    # Whatever the file calls its weights.
    named = add_classifier(dict(model=before['state_dict']), model.scenario_classifier)
    assert named.keys() == {'model'} and set(names) < named['model'].keys()
    again = add_classifier(after, model.scenario_classifier)
    assert decode(again['state_dict'][KEY]) == wanted
