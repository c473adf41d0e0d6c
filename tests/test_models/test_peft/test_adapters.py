"""One base and many adapters of it."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from mmengine.runner import load_checkpoint
from mmengine.runner.checkpoint import load_state_dict
from mmpose.registry import MODELS
from torch import Tensor

from tests.test_models.estimators import TEXT_PROMPTS, build, train
from vlpose_mm.checkpoint.adapter import extract
from vlpose_mm.checkpoint.io import write_file
from vlpose_mm.checkpoint.metadata import metadata_of
from vlpose_mm.checkpoint.text_features import encode_text_prompts
from vlpose_mm.models import TransformersTextEncoder, VLPoseEstimator
from vlpose_mm.models.classifiers.scenario_classifier import ScenarioClass

WATERCOLOR = 'a watercolor painting of a person'


class Tuned(NamedTuple):
    """Files of two adapters, what they predict for a batch, and the batch."""

    files: list[str]
    heatmaps: list[Tensor]
    batch: tuple[Tensor, list]

    def change(self, number: int, **changes: object) -> str:
        """Replace top-level entries of a file; ``None`` drops them."""
        content = {**torch.load(self.files[number]), **changes}
        content = {key: value for key, value in content.items() if value is not None}
        write_file(content, self.files[number])
        return self.files[number]


def save(model: VLPoseEstimator, path: Path) -> str:
    """Write an adapter checkpoint."""
    content = dict(state_dict=model.adapter_state_dict())
    content['text_features'] = model.adapter_text_features()
    write_file(content, str(path))
    return str(path)


@pytest.fixture
def base(base_cfg: dict, tmp_path: Path) -> str:
    """A file of base weights."""
    path = str(tmp_path / 'vitpose.pth')
    write_file(dict(state_dict=build(base_cfg).state_dict()), path)
    return path


@pytest.fixture
def make(vlpose_cfg: dict, base: str) -> Callable:
    """Build a VLPose with other parts, in eval mode, and load a base, if any."""

    def make(base: str | None = base, **parts: object) -> VLPoseEstimator:
        model = MODELS.build(copy.deepcopy({**vlpose_cfg, **parts})).eval()
        if base is not None:
            load_checkpoint(model, base)
        return model

    return make


@pytest.fixture
def model(make: Callable) -> VLPoseEstimator:
    """A VLPose with the base loaded."""
    return make()


@pytest.fixture
def tuned(vlpose_cfg: dict, base: str, make_sample: Callable, tmp_path: Path) -> Tuned:
    """Two adapters of the base with other weights in every place."""
    tuned = Tuned([], [], (torch.randn(1, 3, 128, 96), [make_sample(TEXT_PROMPTS[0])]))
    for number in range(2):
        model = build(copy.deepcopy(vlpose_cfg)).eval()
        load_checkpoint(model, base)
        tuned.heatmaps.append(model(*tuned.batch).detach())
        model.text_encoder(TEXT_PROMPTS)
        tuned.files.append(save(model, tmp_path / f'tuned{number}.pth'))
    assert not torch.equal(*tuned.heatmaps)
    return tuned


@pytest.mark.fast
@torch.no_grad()
def test_many_adapters_live_on_one_base_and_are_switched_by_name(
    model: VLPoseEstimator, tuned: Tuned
) -> None:
    own = copy.deepcopy(model)
    untuned = model(*tuned.batch)
    with model.disable_adapter():
        original = model(*tuned.batch)
    model.load_adapter(tuned.files[0], 'oil')
    assert torch.equal(model(*tuned.batch), tuned.heatmaps[0])
    model.load_adapter(tuned.files[1], 'toon')
    assert model.adapter_names == ['default', 'oil', 'toon']
    oil, toon = tuned.heatmaps
    for name, expected in dict(oil=oil, toon=toon, default=untuned).items():
        model.set_adapter(name)
        assert model.active_adapter == name
        assert torch.equal(model(*tuned.batch), expected)
        with model.disable_adapter():
            assert torch.equal(model(*tuned.batch), original)
    model.load_adapter(tuned.files[0], 'oil')
    assert torch.equal(model(*tuned.batch), oil)
    with pytest.raises(ValueError, match=r"'ink'; there are \['default', 'oil', 'toon'\]"):
        model.set_adapter('ink')
    # A copy has adapters of its own.
    assert own.adapter_names == ['default']
    assert torch.equal(own(*tuned.batch), untuned)


@torch.no_grad()
def test_merge_adapter_serves_its_text_prompt_until_the_adapter_changes(
    model: VLPoseEstimator, tuned: Tuned, make: Callable, vlpose_cfg: dict
) -> None:
    batch, want = tuned.batch, tuned.heatmaps[0]
    untuned = model(*batch)
    with model.disable_adapter():
        original = model(*batch)
    model.load_adapter(tuned.files[0], 'oil')
    model.merge_adapter(TEXT_PROMPTS[0])
    weight = model.backbone.layers[0].attn.qkv.weight.clone()
    torch.testing.assert_close(model(*batch), want, atol=1e-4, rtol=1e-4)
    assert not torch.equal(model(*batch), want)
    assert torch.equal(model.backbone.layers[0].attn.qkv.weight, weight)
    with model.disable_adapter():
        assert torch.equal(model(*batch), original)
    model.merge_adapter()
    assert torch.equal(model(*batch), want)
    model.merge_adapter(TEXT_PROMPTS[0])
    model.unmerge_adapter()
    assert torch.equal(model(*batch), want)
    model.merge_adapter(TEXT_PROMPTS[0])
    model.set_adapter('default')
    assert torch.equal(model(*batch), untuned)
    # Without updates there is nothing to merge.
    bare = make(backbone={**vlpose_cfg['backbone'], 'lora': None})
    bare.merge_adapter()
    bare.unmerge_adapter()


def test_an_adapter_keeps_what_it_learned_when_another_is_set(
    model: VLPoseEstimator, tuned: Tuned, make_sample: Callable
) -> None:
    model.load_adapter(tuned.files[0], 'oil')
    train(model, make_sample)
    trained = model.eval()(*tuned.batch).detach()
    assert not torch.equal(trained, tuned.heatmaps[0])
    model.load_adapter(tuned.files[1], 'toon')
    model.set_adapter('oil')
    assert torch.equal(model(*tuned.batch), trained)


def test_half_precision_knows_its_base_and_keeps_the_numbers_of_the_file(
    model: VLPoseEstimator, tuned: Tuned
) -> None:
    model.bfloat16()
    for path, name in zip(tuned.files, ('oil', 'toon'), strict=True):
        model.load_adapter(path, name)
    model.set_adapter('oil')
    kept = model._adapters['oil'].weights['matcher.q.weight']
    assert kept.dtype == torch.float32
    assert torch.equal(model.matcher.q.weight, kept.bfloat16())


def test_mmengine_loads_an_adapter_checkpoint_on_the_base_of_the_config(
    make: Callable, base: str, tuned: Tuned
) -> None:
    with pytest.raises(ValueError, match=r'none are loaded: name them in .*base_weights'):
        make(tuned.files[0])
    model, strict = make(tuned.files[0], base_weights=base), make(None, base_weights=base)
    assert torch.equal(model(*tuned.batch), tuned.heatmaps[0])
    strict.load_state_dict(model.adapter_state_dict())
    assert torch.equal(strict(*tuned.batch), tuned.heatmaps[0])


def test_another_base_is_refused_and_changes_nothing_unless_forced(
    make: Callable, base_cfg: dict, base: str, tuned: Tuned, tmp_path: Path
) -> None:
    path, other = tuned.files[0], str(tmp_path / 'other.pth')
    write_file(dict(state_dict=build(base_cfg).state_dict()), other)
    model, weights = make(other), torch.load(path)['state_dict']
    before = copy.deepcopy(model.state_dict())
    wanted = metadata_of(weights)['base']['sha256']
    files = {path: f'hash is {model.base_hash()}, .* made on {wanted}'}
    for name in ('backbone.pos_embed', 'further'):
        smuggled = str(tmp_path / f'{name}.pth')
        content = dict(state_dict={**weights, name: torch.zeros(1, 48, 32)})
        write_file(content, smuggled)
        files[smuggled] = f'also holds {name}'
    for file, fault in files.items():
        with pytest.raises(ValueError, match=fault):
            model.load_adapter(file, 'x')
        with pytest.raises(ValueError, match=fault):
            load_checkpoint(model, file)
    assert model.adapter_names == ['default']
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])
    model.load_adapter(path, 'x', force=True)
    assert not torch.equal(model(*tuned.batch), tuned.heatmaps[0])
    for name in ('default', 'x'):
        model.set_adapter(name)
    fresh = make(None, base_weights=other)
    fresh.load_adapter(path, 'x', force=True)
    assert torch.equal(fresh.backbone.ln1.bias, before['backbone.ln1.bias'])
    # Its hash is checked again where another base comes.
    load_checkpoint(model, base)
    model.load_adapter(path, 'y')
    assert torch.equal(model(*tuned.batch), tuned.heatmaps[0])


def test_other_checkpoints_and_configs_are_refused(
    make: Callable, vlpose_cfg: dict, base: str, tuned: Tuned, minilm: str, tmp_path: Path
) -> None:
    whole = str(tmp_path / 'whole.pth')
    write_file(dict(state_dict=make().state_dict()), whole)
    features = torch.load(tuned.files[1])['text_features']
    features['last_hidden_state'][0] *= -1
    inverted = tuned.change(1, text_features=features)

    def tuning(**changes: object) -> dict:
        return dict(backbone={**vlpose_cfg['backbone'], **changes})

    encoder = dict(type='TransformersTextEncoder', pretrained=minilm)
    more = dict(visual_prompt=dict(num_tokens=5))
    for parts, path, fault in (
        ({}, whole, 'whole checkpoint; extract its adapter'),
        ({}, base, 'no _extra_state'),
        (tuning(trained_layers=1), tuned.files[0], r'lacks backbone\.\S+, unlike the conf'),
        (tuning(**more), tuned.files[0], 'backbone.visual_prompts has shape'),
        (dict(text_encoder=encoder), inverted, 'tuned with another text encoder'),
    ):
        model = make(**parts)
        with pytest.raises(ValueError, match=fault):
            model.load_adapter(path, 'x')
        assert model.adapter_names == ['default']


@torch.no_grad()
def test_an_adapter_brings_the_token_states_of_its_text_prompts(
    make: Callable, minilm: str, make_sample: Callable, tmp_path: Path
) -> None:
    encoder = dict(type='TransformersTextEncoder', pretrained=minilm)
    model = make(text_encoder=encoder)
    own = ['a bronze statue', 'a wooden puppet']
    batch = torch.randn(2, 3, 128, 96), [make_sample(text) for text in own]
    expected = model(*batch)
    path = save(model, tmp_path / 'tuned.pth')
    features = torch.load(path)['text_features']
    assert features['text_prompts'] == [*own, 'a photo of a person']
    # Neither the language model nor its words are needed any more.
    other = make(text_encoder=dict(type='PrecomputedTextEncoder', path=path))
    other.load_adapter(path, 'statues')
    torch.testing.assert_close(other(*batch), expected)
    model.load_adapter(path, 'again')
    # Nothing of the language model is in any checkpoint.
    weights = model.state_dict()
    assert not any('text' in name for name in weights if 'text_proj' not in name)
    assert set(extract(weights)) < set(weights)


def test_token_states_and_words_follow_the_active_adapter(
    model: VLPoseEstimator, minilm: str, tuned: Tuned, tmp_path: Path
) -> None:
    encoder, own = TransformersTextEncoder(minilm), model.text_encoder
    features = torch.load(tuned.files[0])['text_features']
    text_prompt = features['text_prompts'][0]
    assert WATERCOLOR not in features['text_prompts']

    def states() -> Tensor:
        return own([text_prompt]).last_hidden_state

    before = states()
    # Those of the config serve an adapter of the same text encoder as well.
    model.load_adapter(tuned.files[0], 'oil')
    own([WATERCOLOR])
    features['last_hidden_state'][0] += 1
    model.load_adapter(tuned.change(0, text_features=features), 'louder')
    torch.testing.assert_close(states(), before + 1)
    with pytest.raises(ValueError, match='holds no features'):
        own([WATERCOLOR])
    model.set_adapter('default')
    assert torch.equal(states(), before)

    horse = encode_text_prompts(encoder, ['a horse'])
    model.load_adapter(tuned.change(0, text_features=horse), 'horse')
    own(['a horse'])
    assert own.words('a horse') == encoder.words('a horse')
    again = torch.load(save(model, tmp_path / 'again.pth'))['text_features']
    words = dict(zip(again['text_prompts'], again['words'], strict=True))
    assert words['a horse'] == horse['words'][0]
    model.set_adapter('default')
    assert 'a horse' not in own.words_by_text_prompt
    model.set_adapter('horse')
    assert own.words('a horse') == encoder.words('a horse')

    # What brings no text prompts reads those of the config, not those of the one before.
    model.set_adapter('louder')
    model.load_adapter(tuned.change(1, text_features=None), 'silent')
    assert torch.equal(states(), before)
    garbled = tuned.change(1, text_features=dict(text_prompts=['x']))
    with pytest.raises(ValueError, match='tuned1.pth holds no text features'):
        model.load_adapter(garbled, 'garbled')


@pytest.mark.parametrize(
    'text_encoder', [None, dict(type='RandomTextEncoder', embed_dims=8, fresh=True)]
)
def test_no_text_and_fresh_random_text_yield_no_text_features(
    text_encoder: dict | None, make: Callable
) -> None:
    model = make(text_encoder=text_encoder)
    model(torch.randn(1, 3, 128, 96))
    assert model.adapter_text_features() is None


def test_a_fitted_classifier_is_part_of_an_adapter_and_may_be_omitted(
    make: Callable, base: str, tmp_path: Path
) -> None:
    deciding = dict(scenario_classifier=dict(type='ScenarioClassifier'))
    model = make(**deciding)
    bare = save(model, tmp_path / 'bare.pth')
    classes = [ScenarioClass(None, None, 'a photo'), ScenarioClass('mural', 'x', 'a mural')]
    model.scenario_classifier.assign(classes, torch.rand(2, 32), torch.rand(2))
    path = save(model, tmp_path / 'tuned.pth')
    for config in (deciding, {}):
        strict = make(None, base_weights=base, **config)
        strict.load_state_dict(torch.load(path)['state_dict'])
    other = make(**deciding)
    other.load_adapter(bare, 'bare')
    assert not other.scenario_classifier.fitted
    other.load_adapter(path, 'whole')
    for name in ('bare', 'whole'):
        other.set_adapter(name)
    assert other.scenario_classifier.classes == classes
    weight = model.scenario_classifier.weight
    assert torch.equal(other.scenario_classifier.weight, weight)
    model.scenario_classifier.assign(classes, torch.rand(2, 31), torch.rand(2))
    with pytest.raises(ValueError, match=r'shape \(31,\), and .* are 32 wide'):
        load_state_dict(other, model.state_dict())
