"""One base and many adapters of it."""

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mmengine.runner import load_checkpoint
from mmengine.runner.checkpoint import load_state_dict
from mmpose.registry import MODELS

from tests.test_models.estimators import TEXT_PROMPTS, build, train
from vlpose_mm.checkpoint.adapter import extract
from vlpose_mm.checkpoint.io import write_file
from vlpose_mm.checkpoint.metadata import metadata_of
from vlpose_mm.checkpoint.text_features import encode_text_prompts
from vlpose_mm.models import (
    PrecomputedTextEncoder,
    TransformersTextEncoder,
    VLPoseEstimator,
)
from vlpose_mm.models.classifiers.scenario_classifier import ScenarioClass


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
def tuned(vlpose_cfg: dict, base: str, make_sample: Callable, tmp_path: Path) -> list:
    """Two adapters of the base, each trained on its own, with what they predict."""
    image, samples = torch.randn(1, 3, 128, 96), [make_sample(TEXT_PROMPTS[0])]
    made = []
    for seed in range(2):
        torch.manual_seed(seed)
        model = MODELS.build(copy.deepcopy(vlpose_cfg))
        model.init_weights()
        load_checkpoint(model, base)
        train(model, make_sample)
        heatmaps = model.eval()(image, samples).detach()
        made.append((save(model, tmp_path / f'tuned{seed}.pth'), heatmaps))
    assert not torch.equal(made[0][1], made[1][1])
    return [*made, (image, samples)]


@pytest.fixture
def model(vlpose_cfg: dict, base: str) -> VLPoseEstimator:
    """A VLPose with the base loaded."""
    model = MODELS.build(copy.deepcopy(vlpose_cfg)).eval()
    load_checkpoint(model, base)
    return model


@pytest.mark.fast
def test_many_adapters_live_on_one_base_and_are_switched_by_name(
    model: VLPoseEstimator, tuned: list
) -> None:
    (first, heatmaps1), (second, heatmaps2), batch = tuned
    with torch.no_grad():
        untuned = model(*batch)
        with model.disable_adapter():
            original = model(*batch)
        model.load_adapter(first, 'oil')
        assert torch.equal(model(*batch), heatmaps1)
        model.load_adapter(second, 'toon')
        assert model.adapter_names == ['default', 'oil', 'toon']
        for name, expected in dict(oil=heatmaps1, toon=heatmaps2, default=untuned).items():
            model.set_adapter(name)
            assert model.active_adapter == name
            assert torch.equal(model(*batch), expected)
            with model.disable_adapter():
                assert torch.equal(model(*batch), original)
        model.load_adapter(first, 'oil')
        assert torch.equal(model(*batch), heatmaps1)
    with pytest.raises(ValueError, match=r"'ink'; there are \['default', 'oil', 'toon'\]"):
        model.set_adapter('ink')


@torch.no_grad()
def test_merge_adapter_serves_its_text_prompt_until_the_adapter_changes(
    model: VLPoseEstimator, tuned: list
) -> None:
    (first, heatmaps1), _, batch = tuned
    untuned = model(*batch)
    with model.disable_adapter():
        original = model(*batch)
    model.load_adapter(first, 'oil')
    model.merge_adapter(TEXT_PROMPTS[0])
    weight = model.backbone.layers[0].attn.qkv.weight.clone()
    torch.testing.assert_close(model(*batch), heatmaps1, atol=1e-4, rtol=1e-4)
    assert not torch.equal(model(*batch), heatmaps1)
    assert torch.equal(model.backbone.layers[0].attn.qkv.weight, weight)
    with model.disable_adapter():
        assert torch.equal(model(*batch), original)
    model.merge_adapter()
    assert torch.equal(model(*batch), heatmaps1)
    model.merge_adapter(TEXT_PROMPTS[0])
    model.unmerge_adapter()
    assert torch.equal(model(*batch), heatmaps1)
    model.merge_adapter(TEXT_PROMPTS[0])
    model.set_adapter('default')
    assert torch.equal(model(*batch), untuned)


def test_a_model_without_low_rank_updates_has_nothing_to_merge(vlpose_cfg: dict) -> None:
    vlpose_cfg['backbone']['lora'] = None
    model = MODELS.build(vlpose_cfg)
    model.merge_adapter()
    model.unmerge_adapter()


def test_an_adapter_keeps_what_it_learned_when_another_is_set(
    model: VLPoseEstimator, tuned: list, make_sample: Callable
) -> None:
    (first, heatmaps1), (second, _), batch = tuned
    model.load_adapter(first, 'oil')
    train(model, make_sample)
    trained = model.eval()(*batch).detach()
    assert not torch.equal(trained, heatmaps1)
    model.load_adapter(second, 'toon')
    model.set_adapter('oil')
    assert torch.equal(model(*batch), trained)


def test_half_precision_knows_its_base_and_keeps_the_numbers_of_the_file(
    model: VLPoseEstimator, tuned: list
) -> None:
    (first, heatmaps1), (second, _), batch = tuned
    model.bfloat16()
    model.load_adapter(first, 'oil')
    model.load_adapter(second, 'toon')
    model.set_adapter('oil')
    kept = model._adapters['oil'].weights['matcher.q.weight']
    assert kept.dtype == torch.float32
    assert torch.equal(model.matcher.q.weight, kept.bfloat16())


def test_mmengine_loads_an_adapter_checkpoint_on_the_base_of_the_config(
    vlpose_cfg: dict, base: str, tuned: list
) -> None:
    (first, heatmaps1), _, batch = tuned
    with pytest.raises(ValueError, match=r'none are loaded: name them in .*base_weights'):
        load_checkpoint(MODELS.build(copy.deepcopy(vlpose_cfg)), first)
    model = MODELS.build(dict(vlpose_cfg, base_weights=base)).eval()
    load_checkpoint(model, first)
    assert torch.equal(model(*batch), heatmaps1)
    strict = MODELS.build(dict(vlpose_cfg, base_weights=base)).eval()
    strict.load_state_dict(model.adapter_state_dict())
    assert torch.equal(strict(*batch), heatmaps1)


def test_another_base_is_refused_with_both_hashes_and_changes_nothing_unless_forced(
    vlpose_cfg: dict, base_cfg: dict, base: str, tuned: list, tmp_path: Path
) -> None:
    (first, heatmaps1), _, batch = tuned
    model = MODELS.build(copy.deepcopy(vlpose_cfg)).eval()
    load_state_dict(model, build(base_cfg).state_dict())
    before = copy.deepcopy(model.state_dict())
    wanted = metadata_of(torch.load(first)['state_dict'])['base']['sha256']
    own = model.base_hash()
    for load in (
        lambda: model.load_adapter(first, 'x'),
        lambda: load_checkpoint(model, first),
    ):
        with pytest.raises(ValueError, match=f'hash is {own}, .* made on {wanted}'):
            load()
    content = torch.load(first)
    for name in ('backbone.pos_embed', 'further'):
        content['state_dict'][name] = torch.zeros(1, 48, 32)
        write_file(content, str(tmp_path / 'smuggled.pth'))
        with pytest.raises(ValueError, match=f'also holds {name}'):
            model.load_adapter(str(tmp_path / 'smuggled.pth'), 'x')
        with pytest.raises(ValueError, match=f'also holds {name}'):
            load_checkpoint(model, str(tmp_path / 'smuggled.pth'))
        del content['state_dict'][name]
    assert model.adapter_names == ['default']
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])
    model.load_adapter(first, 'x', force=True)
    assert not torch.equal(model(*batch), heatmaps1)
    model.set_adapter('default')
    model.set_adapter('x')
    other = str(tmp_path / 'other.pth')
    write_file(dict(state_dict=build(base_cfg).state_dict()), other)
    fresh = MODELS.build(dict(copy.deepcopy(vlpose_cfg), base_weights=other)).eval()
    fresh.load_adapter(first, 'x', force=True)
    bias = torch.load(other)['state_dict']['backbone.ln1.bias']
    assert torch.equal(fresh.backbone.ln1.bias, bias)
    # Its hash is checked again where another base comes.
    load_checkpoint(model, base)
    model.load_adapter(first, 'y')
    assert torch.equal(model(*batch), heatmaps1)


def test_a_whole_checkpoint_and_one_of_another_config_are_refused_as_adapters(
    model: VLPoseEstimator, vlpose_cfg: dict, base: str, tuned: list, tmp_path: Path
) -> None:
    whole = str(tmp_path / 'whole.pth')
    write_file(dict(state_dict=model.state_dict()), whole)
    with pytest.raises(ValueError, match='whole checkpoint; extract its adapter'):
        model.load_adapter(whole, 'x')
    with pytest.raises(ValueError, match='no _extra_state'):
        model.load_adapter(base, 'x')
    vlpose_cfg['backbone']['trained_layers'] = 1
    other = MODELS.build(copy.deepcopy(vlpose_cfg))
    load_checkpoint(other, base)
    with pytest.raises(ValueError, match=r'lacks backbone\.\S+, unlike the config'):
        other.load_adapter(tuned[0][0], 'x')
    vlpose_cfg['backbone'].update(trained_layers=0, visual_prompt=dict(num_tokens=5))
    other = MODELS.build(vlpose_cfg)
    load_checkpoint(other, base)
    with pytest.raises(ValueError, match='backbone.visual_prompts has shape'):
        other.load_adapter(tuned[0][0], 'x')


def test_an_adapter_brings_the_token_states_of_its_text_prompts(
    vlpose_cfg: dict, base: str, minilm: str, make_sample: Callable, tmp_path: Path
) -> None:
    vlpose_cfg['text_encoder'] = dict(type='TransformersTextEncoder', pretrained=minilm)
    model = build(copy.deepcopy(vlpose_cfg)).eval()
    load_checkpoint(model, base)
    own = ['a bronze statue', 'a wooden puppet']
    image, samples = torch.randn(2, 3, 128, 96), [make_sample(text) for text in own]
    with torch.no_grad():
        expected = model(image, samples)
    path = save(model, tmp_path / 'tuned.pth')
    features = torch.load(path)['text_features']
    assert features['text_prompts'] == [*own, 'a photo of a person']
    # Neither the language model nor its words are needed any more.
    vlpose_cfg['text_encoder'] = dict(type='PrecomputedTextEncoder', path=path)
    other = MODELS.build(copy.deepcopy(vlpose_cfg)).eval()
    load_checkpoint(other, base)
    other.load_adapter(path, 'statues')
    with torch.no_grad():
        torch.testing.assert_close(other(image, samples), expected)
    model.load_adapter(path, 'again')


def test_an_adapter_brings_the_words_of_its_text_prompts_and_keeps_them_when_saved(
    model: VLPoseEstimator, minilm: str, tuned: list, tmp_path: Path
) -> None:
    encoder = TransformersTextEncoder(minilm)
    content = torch.load(tuned[0][0])
    content['text_features'] = encode_text_prompts(encoder, ['a horse'])
    write_file(content, tuned[0][0])
    assert isinstance(model.text_encoder, PrecomputedTextEncoder)
    model.load_adapter(tuned[0][0], 'horse')
    model.text_encoder(['a horse'])
    assert model.text_encoder.words('a horse') == encoder.words('a horse')
    again = torch.load(save(model, tmp_path / 'again.pth'))['text_features']
    words = dict(zip(again['text_prompts'], again['words'], strict=True))
    assert words['a horse'] == content['text_features']['words'][0]
    model.set_adapter('default')
    assert 'a horse' not in model.text_encoder.words_by_text_prompt
    model.set_adapter('horse')
    assert model.text_encoder.words('a horse') == encoder.words('a horse')


def test_set_adapter_changes_the_token_states_as_well(
    model: VLPoseEstimator, tuned: list
) -> None:
    content = torch.load(tuned[0][0])
    content['text_features']['last_hidden_state'][0] += 1
    write_file(content, tuned[0][0])
    text_prompt = content['text_features']['text_prompts'][0]
    before = model.text_encoder([text_prompt]).last_hidden_state
    model.load_adapter(tuned[0][0], 'louder')
    others = ['a mural of a person', 'a cartoon of a person']
    with pytest.raises(ValueError, match='holds no features'):
        model.text_encoder(others)
    torch.testing.assert_close(
        model.text_encoder([text_prompt]).last_hidden_state, before + 1
    )
    model.set_adapter('default')
    assert torch.equal(model.text_encoder([text_prompt]).last_hidden_state, before)
    # What brings no text prompts reads those of the config, not those of the one before.
    silent = dict(state_dict=torch.load(tuned[1][0])['state_dict'])
    write_file(silent, tuned[1][0])
    model.set_adapter('louder')
    model.load_adapter(tuned[1][0], 'silent')
    assert torch.equal(model.text_encoder([text_prompt]).last_hidden_state, before)
    write_file({**silent, 'text_features': dict(text_prompts=['x'])}, tuned[1][0])
    with pytest.raises(ValueError, match='tuned1.pth holds no text features'):
        model.load_adapter(tuned[1][0], 'garbled')


def test_an_adapter_made_with_another_text_encoder_is_refused(
    vlpose_cfg: dict, base: str, tuned: list, minilm: str
) -> None:
    content = torch.load(tuned[0][0])
    content['text_features']['last_hidden_state'][0] *= -1
    write_file(content, tuned[0][0])
    vlpose_cfg['text_encoder'] = dict(type='TransformersTextEncoder', pretrained=minilm)
    model = MODELS.build(vlpose_cfg)
    load_checkpoint(model, base)
    with pytest.raises(ValueError, match='tuned with another text encoder'):
        model.load_adapter(tuned[0][0], 'x')
    assert model.adapter_names == ['default']


def test_nothing_of_the_language_model_is_in_any_checkpoint(
    vlpose_cfg: dict, minilm: str
) -> None:
    vlpose_cfg['text_encoder'] = dict(type='TransformersTextEncoder', pretrained=minilm)
    weights = MODELS.build(vlpose_cfg).state_dict()
    assert not any('text' in name for name in weights if 'text_proj' not in name)
    assert set(extract(weights)) < set(weights)


def test_fresh_random_text_prompts_and_no_words_yield_no_text_features(
    vlpose_cfg: dict,
) -> None:
    fresh = dict(type='RandomTextEncoder', embed_dims=8, fresh=True)
    for text_encoder in (fresh, None):
        model = build(dict(copy.deepcopy(vlpose_cfg), text_encoder=text_encoder))
        model(torch.randn(1, 3, 128, 96))
        assert model.adapter_text_features() is None


def test_a_copy_of_the_model_has_adapters_of_its_own(
    model: VLPoseEstimator, tuned: list
) -> None:
    other = copy.deepcopy(model)
    other.load_adapter(tuned[0][0], 'oil')
    assert model.adapter_names == ['default']
    assert not torch.equal(other.matcher.q.weight, model.matcher.q.weight)


def test_a_fitted_classifier_is_part_of_an_adapter_and_may_be_omitted(
    vlpose_cfg: dict, base: str, tmp_path: Path
) -> None:
    deciding = dict(scenario_classifier=dict(type='ScenarioClassifier'))
    model = MODELS.build({**copy.deepcopy(vlpose_cfg), **deciding})
    load_checkpoint(model, base)
    bare = save(model, tmp_path / 'bare.pth')
    classes = [ScenarioClass(None, None, 'a photo'), ScenarioClass('mural', 'x', 'a mural')]
    model.scenario_classifier.assign(classes, torch.rand(2, 32), torch.rand(2))
    path = save(model, tmp_path / 'tuned.pth')
    for config in (deciding, {}):
        other = MODELS.build({**copy.deepcopy(vlpose_cfg), **config, 'base_weights': base})
        other.load_state_dict(torch.load(path)['state_dict'])
    other = MODELS.build({**vlpose_cfg, **deciding})
    load_checkpoint(other, base)
    other.load_adapter(bare, 'bare')
    assert not other.scenario_classifier.fitted
    other.load_adapter(path, 'whole')
    other.set_adapter('bare')
    other.set_adapter('whole')
    assert other.scenario_classifier.classes == classes
    weight = model.scenario_classifier.weight
    assert torch.equal(other.scenario_classifier.weight, weight)
    model.scenario_classifier.assign(classes, torch.rand(2, 31), torch.rand(2))
    with pytest.raises(ValueError, match=r'shape \(31,\), and .* are 32 wide'):
        load_state_dict(other, model.state_dict())


def test_text_prompts_of_the_config_serve_an_adapter_of_the_same_text_encoder(
    model: VLPoseEstimator, tuned: list
) -> None:
    known = torch.load(tuned[0][0])['text_features']['text_prompts']
    assert 'a watercolor painting of a person' not in known
    model.load_adapter(tuned[0][0], 'oil')
    model.text_encoder(['a watercolor painting of a person'])
