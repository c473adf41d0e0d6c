"""ScenarioClassifier: the formula, decisions, and its checkpoints."""

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
VOTES = torch.tensor([[0.7, 0.1, 0.1, 0.1], [0.05, 0.9, 0.03, 0.02]])


@pytest.fixture
def classifier() -> ScenarioClassifier:
    """A fitted one, of 4 classes and 8 channels."""
    classifier = ScenarioClassifier()
    # As large as those of real features.
    classifier.assign(CLASSES, 100 * torch.randn(4, 8), 1000 * torch.randn(4))
    return classifier


@pytest.mark.fast
def test_probabilities_are_a_softmax_of_the_mean_over_positions(
    classifier: ScenarioClassifier,
) -> None:
    feature_map = torch.randn(3, 8, 4, 2)
    pooled = feature_map.double().flatten(2).sum(dim=2) / 8
    scores = pooled @ classifier.weight.double().T + classifier.bias.double()
    shifted = scores - scores.max(dim=1, keepdim=True).values
    want = shifted - shifted.exp().sum(dim=1, keepdim=True).log()
    torch.testing.assert_close(classifier(feature_map).double(), want, rtol=1e-4, atol=1e-2)


@pytest.mark.fast
@pytest.mark.parametrize(
    ('probs', 'natural', 'best', 'artificial_prob'),
    [
        # The single most probable class is on the other side.
        ([0.25, 0.4, 0.05, 0.3], True, 3, 0.45),
        ([0.4, 0.25, 0.27, 0.08], False, 2, 0.52),
    ],
)
def test_the_side_with_half_of_the_probability_decides(
    probs: list,
    natural: bool,
    best: int,
    artificial_prob: float,
    classifier: ScenarioClassifier,
) -> None:
    assert [each.natural for each in CLASSES] == [True, False, False, True]
    decision = classifier.decide(torch.tensor([probs]).log())
    assert (decision.natural, decision.scenario_class) == (natural, CLASSES[best])
    assert decision.scenario_prob == pytest.approx(probs[best])
    assert decision.artificial_prob == pytest.approx(artificial_prob)


def test_instances_decide_by_their_mean_weighted_by_bbox_scores(
    classifier: ScenarioClassifier, make_sample: Callable
) -> None:
    samples = [make_sample(), make_sample()]
    samples[1].gt_instances.bbox_scores[:] = 0.25
    scores = bbox_scores_of(samples)
    for weights, decision in (
        ((0.5, 0.5), classifier.decide(VOTES.log())),
        ((0.5, 0.5), classifier.decide(VOTES.log(), 0 * scores)),
        ((0.8, 0.2), classifier.decide(VOTES.log(), scores)),
    ):
        mean = VOTES[0] ** weights[0] * VOTES[1] ** weights[1]
        mean = mean / mean.sum()
        assert decision.natural == (weights[0] > 0.5)
        assert decision.artificial_prob == pytest.approx(mean[1:3].sum().item())
    assert bbox_scores_of([PoseDataSample()]).tolist() == [1.0]


def test_a_checkpoint_brings_classes_and_weights_or_changes_nothing(
    classifier: ScenarioClassifier,
) -> None:
    empty, fitted, file = ScenarioClassifier(), ScenarioClassifier(), io.BytesIO()
    fitted.assign(CLASSES[:2], torch.zeros(2, 4), torch.zeros(2))
    for unchanged, count in ((empty, 0), (fitted, 2)):
        unchanged.load_state_dict({})
        assert len(unchanged.weight) == len(unchanged.classes) == count
    remedies = 'ScenarioClassifierHook.*vlpose_mm.tools.fit_scenario_classifier'
    for call, arg in ((empty, torch.zeros(1, 8, 4, 2)), (empty.decide, torch.zeros(1, 0))):
        with pytest.raises(ValueError, match=remedies):
            call(arg)
    # As MMEngine saves: every entry must be a tensor.
    torch.save(weights_to_cpu(classifier.state_dict()), file)
    file.seek(0)
    state_dict = torch.load(file, weights_only=True)
    feature_map, twin = torch.randn(3, 8, 4, 2), copy.deepcopy(empty)
    twin.load_state_dict(state_dict)
    assert not empty.fitted
    fitted.load_state_dict(state_dict)
    load_state_dict(empty, state_dict, strict=True)
    for loaded in (twin, fitted, empty, copy.deepcopy(classifier)):
        assert loaded.classes == CLASSES
        assert torch.equal(loaded(feature_map), classifier(feature_map))


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


@pytest.mark.parametrize('name', ['shrinkage', 'natural_rate'])
def test_refuses_hyperparameters_out_of_range(name: str) -> None:
    with pytest.raises(ValueError, match=f'{name} must be in .0, 1.*got 1.5'):
        ScenarioClassifier(**{name: 1.5})


def test_follows_its_model_but_stays_in_float32(classifier: ScenarioClassifier) -> None:
    feature_map = torch.randn(3, 8, 4, 2).half()
    want = classifier(feature_map.float())
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert torch.equal(classifier(feature_map), want)
    halved = torch.nn.Sequential(copy.deepcopy(classifier)).half()[0]
    assert halved.weight.dtype == torch.float32
    assert torch.equal(halved(feature_map), want)
    classifier.to('meta')
    assert classifier.weight.is_meta and classifier.bias.is_meta
