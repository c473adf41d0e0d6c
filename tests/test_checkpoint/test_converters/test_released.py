"""The authors' checkpoints: what becomes of them computes what they compute."""

import copy

import pytest
import torch
from mmpose.registry import MODELS
from torch import nn

from tests.test_checkpoint.test_converters import authors
from tests.test_models.estimators import TEXT_PROMPTS, build
from vlpose_mm.checkpoint.adapter import extract, merge
from vlpose_mm.checkpoint.converters.released import from_released
from vlpose_mm.checkpoint.metadata import KEY, decode

NARROW = dict(type='RandomTextEncoder', embed_dims=32)


@pytest.fixture
def vitpose(base_cfg: dict) -> nn.Module:
    return build(base_cfg).eval()


@pytest.fixture
def released(vitpose: nn.Module) -> dict:
    """The released weights that were tuned from it."""
    return authors.tune(vitpose.state_dict(), text_dims=384)


@pytest.fixture
def cfg(vlpose_cfg: dict) -> dict:
    """The config that reads converted weights."""
    vlpose_cfg['backbone']['lora'] = None
    vlpose_cfg['head'].update(wiring='released', tuned_norms=True)
    return vlpose_cfg


def loaded(cfg: dict, weights: dict) -> nn.Module:
    model = MODELS.build(copy.deepcopy(cfg)).eval()
    model.load_state_dict(weights)
    return model


@pytest.mark.parametrize('with_base', [False, True])
@pytest.mark.parametrize('deep', [False, True])
@pytest.mark.parametrize('projected', [False, True])
def test_the_tuned_route_equals_the_authors_equations(
    projected, deep, with_base, cfg, vitpose, make_sample
) -> None:
    cfg['backbone']['visual_prompt']['deep'] = deep
    if not projected:
        cfg['text_encoder'] = NARROW
    base = vitpose.state_dict()
    weights = authors.tune(base, text_dims=384 if projected else None, deep=deep)
    converted = from_released(weights, base if with_base else None)
    assert converted.unmapped == []
    model = loaded(cfg, converted.state_dict)
    images = torch.randn(3, 3, 128, 96)
    text_feats = model.text_encoder(TEXT_PROMPTS)
    with torch.no_grad():
        found = model(images, [make_sample(text_prompt) for text_prompt in TEXT_PROMPTS])
    for i, row in enumerate(text_feats.index):
        tokens = text_feats.last_hidden_state[row][text_feats.attention_mask[row]]
        expected = authors.heatmaps(weights, images[i], tokens)
        scale = expected.abs().max()
        assert (found[i] - expected).abs().max() < 1e-5 * scale
        # Text prompt and drifted statistics are seen in them.
        undrifted = weights | {
            f'head.deconv_layers.1.bn0.{last}': base[f'head.deconv_layers.4.{last}']
            for last in ('running_mean', 'running_var')
        }
        for w, other in ((weights, torch.randn_like(tokens)), (undrifted, tokens)):
            changed = authors.heatmaps(w, images[i], other)
            assert (changed - expected).abs().max() > 1e-3 * scale


def test_with_its_base_the_original_route_is_mmposes(cfg, vitpose, released) -> None:
    base = vitpose.state_dict()
    # MMPose's published files have the row of the class token, and no counters.
    published = {k: v for k, v in base.items() if not k.endswith('num_batches_tracked')}
    published['backbone.pos_embed'] = released['backbone.pos_embed']
    images = torch.randn(2, 3, 128, 96)
    with torch.no_grad():
        expected = vitpose(images, None)
        for weights in (base, published):
            model = loaded(cfg, from_released(released, weights).state_dict)
            with model.disable_adapter():
                assert torch.equal(model(images), expected)
        model = loaded(cfg, from_released(released).state_dict)
        with model.disable_adapter():
            assert not torch.allclose(model(images), expected, rtol=0.1)


@pytest.mark.parametrize(
    'name',
    [
        'backbone.pos_embed',
        'backbone.layers.1.attn.qkv.weight',
        'head.deconv_layers.0.weight',
        'head.deconv_layers.4.bias',
    ],
)
def test_refuses_a_base_that_it_was_not_tuned_from(name, vitpose, released) -> None:
    base = vitpose.state_dict()
    base[name] = base[name] + 1e-6
    with pytest.raises(ValueError, match=f'not the one that was tuned: {name} differs'):
        from_released(released, base)
    del base[name]
    with pytest.raises(ValueError, match=f"no {name}; give a ViTPose in MMPose's names"):
        from_released(released, base)
    base[name] = torch.zeros(1, 3)
    with pytest.raises(ValueError, match=f'{name} differs'):
        from_released(released, base)
    base = vitpose.state_dict() | {'head.final_layer.bias': torch.zeros(21)}
    with pytest.raises(ValueError, match='head.final_layer.bias differs'):
        from_released(released, base)


def test_its_metadata_is_that_of_the_model_that_reads_it(cfg, released) -> None:
    weights = from_released(released).state_dict
    model = loaded(cfg, weights)
    own, found = decode(model.state_dict()[KEY]), decode(weights[KEY])
    assert sorted(found['adapter_params']) == sorted(own['adapter_params'])
    assert found['grid'] == own['grid'] == [8, 6]
    assert found['hyperparameters'].items() <= own['hyperparameters'].items()
    assert model.state_dict().keys() == weights.keys()


def test_its_adapter_is_merged_with_the_base_later_as_well(vitpose, released) -> None:
    base = vitpose.state_dict()
    alone, whole = (from_released(released, b).state_dict for b in (None, base))
    merged = merge(extract(alone), base, force=True)
    again = merge(extract(whole), base)
    # What computes; the counters of the base's batches are not kept.
    assert whole.keys() - merged.keys() == {
        f'head.deconv_layers.{i}.num_batches_tracked' for i in (1, 4)
    }
    for name, tensor in merged.items():
        assert torch.equal(tensor, whole[name]) and torch.equal(tensor, again[name])
    with pytest.raises(ValueError, match='not those that were tuned'):
        merge(extract(alone), base)


@pytest.mark.parametrize(
    ('part', 'change', 'fault'),
    [
        ('head', dict(wiring='dual'), "head.wiring='released', not 'dual'"),
        ('head', dict(tuned_norms=False), 'tuned with head.tuned_norms.*, which the confi'),
        ('matcher', dict(num_heads=4), 'matcher.num_heads=8, not 4'),
        ('matcher', dict(variant='cosine'), "variant='joint', not 'cosine'"),
    ],
)
def test_other_settings_than_the_authors_are_refused(
    part, change, fault, cfg, released
) -> None:
    cfg[part].update(change)
    with pytest.raises(ValueError, match=fault):
        loaded(cfg, from_released(released).state_dict)


def test_lists_what_has_no_place_and_refuses_what_is_incomplete(vitpose, released) -> None:
    more = {'backbone.extra': torch.ones(1), 'matcher.q.scale': torch.ones(1)}
    converted = from_released(released | more)
    assert sorted(converted.unmapped) == ['backbone.extra', 'matcher.q.scale']
    assert not converted.state_dict.keys() & {'backbone.extra', 'matcher.q.scale'}
    for name, fault in {
        'backbone.prompt_embed': '2 sets of prompts for 3 layers',
        'backbone.layers.1.ln2.bias': 'backbone.layers.1.ln2.bias',
        'head.deconv_layers.1.deconv1.weight': 'head.aux_deconv_layers.3.weight',
        'head.deconv_layers.0.bn0.running_var': 'head.deconv_layers.1.running_var',
        'text_embed_proj.bias': 'matcher.text_proj.bias',
        'backbone.pos_embed': 'backbone.pos_embed',
    }.items():
        with pytest.raises(ValueError, match=fault):
            from_released({k: v for k, v in released.items() if k != name})
    with pytest.raises(ValueError, match='of another kind or incomplete'):
        from_released(vitpose.state_dict())
