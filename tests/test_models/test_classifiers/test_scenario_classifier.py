"""ScenarioClassifier: the formula, decisions, and what it saves and loads."""

import copy
import io
from collections.abc import Callable

import pytest
import torch
from mmengine.runner.checkpoint import load_state_dict, weights_to_cpu
from mmpose.structures import PoseDataSample

from vlpose_mm.models.classifiers.scenario_classifier import (
    ScenarioClass,
    ScenarioClassifier,
    bbox_scores_of,
)

CLASSES = [
    ScenarioClass('dance', 'real_human', 'a photo of a person dancing'),
    ScenarioClass('mural', '2D_virtual_human', ['a mural', 'a person']),
    ScenarioClass('pixel_art', None, 'a pixel art picture of a person'),
    ScenarioClass(None, None, 'a photo of a person'),
]


@pytest.fixture
def classifier() -> ScenarioClassifier:
    """A fitted one, of 4 classes and 8 channels."""
    classifier = ScenarioClassifier()
    # As large as those of real features.
    classifier.assign(CLASSES, 100 * torch.randn(4, 8), 1000 * torch.randn(4))
    return classifier


def test_photos_and_real_people_are_natural() -> None:
    assert [given.natural for given in CLASSES] == [True, False, False, True]


def test_probabilities_are_a_softmax_of_the_mean_over_places(
    classifier: ScenarioClassifier,
) -> None:
    feature_map = torch.randn(3, 8, 4, 2)
    pooled = feature_map.double().flatten(2).sum(dim=2) / 8
    scores = pooled @ classifier.weight.double().T + classifier.bias.double()
    shifted = scores - scores.max(dim=1, keepdim=True).values
    wanted = shifted - shifted.exp().sum(dim=1, keepdim=True).log()
    torch.testing.assert_close(
        classifier(feature_map), wanted.float(), rtol=1e-4, atol=1e-2
    )


def test_an_unfitted_classifier_refuses_and_names_both_remedies() -> None:
    classifier = ScenarioClassifier()
    assert not classifier.fitted
    remedies = 'ScenarioClassifierHook.*vlpose_mm.tools.fit_scenario_classifier'
    with pytest.raises(ValueError, match=remedies):
        classifier(torch.zeros(1, 8, 4, 2))
    with pytest.raises(ValueError, match=remedies):
        classifier.decide(torch.zeros(1, 0))


def test_a_image_is_of_the_side_that_has_half_of_the_probability(
    classifier: ScenarioClassifier,
) -> None:
    # The single most probable class is on the other side.
    decision = classifier.decide(torch.tensor([[0.25, 0.4, 0.05, 0.3]]).log())
    assert decision.natural
    assert decision.scenario_class == CLASSES[3]
    assert decision.scenario_prob == pytest.approx(0.3)
    assert decision.artificial_prob == pytest.approx(0.45)
    decision = classifier.decide(torch.tensor([[0.4, 0.25, 0.27, 0.08]]).log())
    assert not decision.natural
    assert decision.scenario_class == CLASSES[2]


def test_people_of_a_image_decide_by_their_geometric_mean(
    classifier: ScenarioClassifier,
) -> None:
    people = torch.tensor([[0.7, 0.1, 0.1, 0.1], [0.05, 0.9, 0.03, 0.02]])
    mean = people.prod(dim=0).sqrt()
    mean = mean / mean.sum()
    decision = classifier.decide(people.log())
    assert not decision.natural
    assert decision.scenario_prob == pytest.approx(mean[1].item())
    assert decision.artificial_prob == pytest.approx(mean[1:3].sum().item())


def test_people_count_as_much_as_the_scores_of_their_boxes(
    classifier: ScenarioClassifier, make_sample: Callable
) -> None:
    people = torch.tensor([[0.7, 0.1, 0.1, 0.1], [0.05, 0.9, 0.03, 0.02]])
    samples = [make_sample(), make_sample()]
    samples[1].gt_instances.bbox_scores[:] = 0.25
    scores = bbox_scores_of(samples)
    mean = (people[0] ** 4 * people[1]) ** (1 / 5)
    decision = classifier.decide(people.log(), scores)
    assert decision.natural
    assert decision.scenario_prob == pytest.approx((mean[0] / mean.sum()).item())
    assert classifier.decide(people.log(), 0 * scores) == classifier.decide(people.log())
    assert bbox_scores_of([PoseDataSample()]).tolist() == [1.0]


def test_a_checkpoint_brings_classes_and_weights(classifier: ScenarioClassifier) -> None:
    file = io.BytesIO()
    # As MMEngine saves: every entry has to be a tensor.
    torch.save(weights_to_cpu(classifier.state_dict()), file)
    file.seek(0)
    state_dict = torch.load(file, weights_only=True)
    feature_map = torch.randn(3, 8, 4, 2)
    strict, by_mmengine = ScenarioClassifier(), ScenarioClassifier()
    strict.load_state_dict(state_dict)
    load_state_dict(by_mmengine, state_dict, strict=True)
    for loaded in (strict, by_mmengine, copy.deepcopy(classifier)):
        assert loaded.classes == CLASSES
        assert torch.equal(loaded(feature_map), classifier(feature_map))


def test_a_checkpoint_replaces_a_classifier_of_other_classes(
    classifier: ScenarioClassifier,
) -> None:
    other = ScenarioClassifier()
    other.assign(CLASSES[:2], torch.zeros(2, 4), torch.zeros(2))
    other.load_state_dict(classifier.state_dict())
    assert other.classes == CLASSES
    assert torch.equal(other.weight, classifier.weight)


def test_a_copy_is_loaded_apart_from_its_original(classifier: ScenarioClassifier) -> None:
    empty = ScenarioClassifier()
    twin = copy.deepcopy(empty)
    twin.load_state_dict(classifier.state_dict())
    assert twin.fitted and not empty.fitted and len(empty.weight) == 0


def test_a_checkpoint_without_classifier_leaves_it_as_it_is(
    classifier: ScenarioClassifier,
) -> None:
    empty = ScenarioClassifier()
    empty.load_state_dict({})
    assert not empty.fitted
    before = classifier.weight.clone()
    classifier.load_state_dict({})
    assert classifier.classes == CLASSES and torch.equal(classifier.weight, before)


@pytest.mark.parametrize(
    ('change', 'fault'),
    [
        (dict(weight=None), 'lacks scenario_classifier.weight'),
        (dict(_extra_state=None), 'lacks scenario_classifier._extra_state'),
        (dict(bias=torch.zeros(3)), 'names 4 classes of images.*shape .4, 8. and .3,.'),
        (dict(_extra_state=torch.tensor([1, 2])), 'does not name the classes'),
        (dict(_extra_state=torch.tensor(list(b'[["a"]]'))), 'does not name the classes'),
    ],
)
def test_refuses_a_checkpoint_with_part_of_a_classifier(
    change: dict, fault: str, classifier: ScenarioClassifier
) -> None:
    model = torch.nn.Module()
    model.scenario_classifier = ScenarioClassifier()
    state = {**classifier.state_dict(), **change}
    state = {f'scenario_classifier.{k}': v for k, v in state.items() if v is not None}
    with pytest.raises(ValueError, match=fault):
        load_state_dict(model, state)
    assert not model.scenario_classifier.fitted


def test_half_precision_answers_in_float32_with_the_same_weights(
    classifier: ScenarioClassifier,
) -> None:
    feature_map = torch.randn(3, 8, 4, 2).half()
    wanted = classifier(feature_map.float())
    with torch.autocast('cpu', dtype=torch.bfloat16):
        torch.testing.assert_close(classifier(feature_map), wanted, rtol=0, atol=0)
    halved = torch.nn.Sequential(copy.deepcopy(classifier)).half()[0]
    assert halved.weight.dtype == torch.float32
    torch.testing.assert_close(halved(feature_map), wanted, rtol=0, atol=0)


def test_moves_with_its_model(classifier: ScenarioClassifier) -> None:
    classifier.to('meta')
    assert classifier.weight.is_meta and classifier.bias.is_meta
