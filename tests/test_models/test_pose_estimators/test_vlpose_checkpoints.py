"""What VLPoseEstimator loads, and what it refuses to."""

import copy
from collections.abc import Callable

import pytest
import torch
from mmengine.runner.checkpoint import load_state_dict
from mmpose.registry import MODELS

from tests.test_models.estimators import TEXT_PROMPTS, build, train


def changed(cfg: dict, **parts: object) -> dict:
    """A copy of a config where dicts are merged into parts, and others replace them."""
    cfg = copy.deepcopy(cfg)
    for part, value in parts.items():
        cfg[part] = {**cfg[part], **value} if isinstance(value, dict) else value
    return cfg


@pytest.mark.fast
def test_loads_its_own_checkpoint_which_init_weights_keeps(vlpose_cfg: dict) -> None:
    model, other = build(copy.deepcopy(vlpose_cfg)), MODELS.build(vlpose_cfg)
    other.init_weights()
    state_dict = model.state_dict()
    assert not any('text_encoder' in name for name in state_dict)
    other.load_state_dict(state_dict)
    other.init_weights()
    for name, tensor in other.state_dict().items():
        assert torch.equal(tensor, state_dict[name])


@pytest.mark.parametrize(
    ('parts', 'fault'),
    [
        (dict(head=dict(wiring='released')), "head.wiring='dual', not 'released'"),
        (dict(matcher=dict(variant='cosine')), "matcher.variant='joint', not 'cosine'"),
        (dict(matcher=dict(num_heads=4)), 'matcher.num_heads=8, not 4'),
        (dict(text_encoder=None), "text_encoder='words', not None"),
        (dict(text_encoder=dict(combine='mean')), "combine='concat', not 'mean'"),
        (
            dict(backbone=dict(visual_prompt=None, trained_layers=0)),
            'tuned with backbone.visual_prompts, which the config does not',
        ),
        (
            dict(head=dict(gate_init=None)),
            'tuned with head.exit_gate, which the config does not have',
        ),
        (
            dict(backbone=dict(visual_prompt=dict(num_tokens=4, deep=False))),
            'visual_prompt.deep=True, not False',
        ),
        (
            dict(backbone=dict(visual_prompt=dict(num_tokens=3, start_layer=1))),
            'visual_prompt.start_layer=0, not 1',
        ),
        (
            dict(backbone=dict(visual_prompt=dict(num_tokens=4))),
            'backbone.visual_prompts has shape',
        ),
    ],
)
def test_a_checkpoint_of_another_config_is_refused(
    parts: dict, fault: str, vlpose_cfg: dict
) -> None:
    vlpose_cfg['head']['gate_init'] = 0.0
    weights = MODELS.build(copy.deepcopy(vlpose_cfg)).state_dict()
    with pytest.raises(ValueError, match=fault):
        load_state_dict(MODELS.build(changed(vlpose_cfg, **parts)), weights)


def test_a_checkpoint_without_whole_parts_is_refused_and_loads_nothing(
    vlpose_cfg: dict, base_cfg: dict
) -> None:
    model = MODELS.build(vlpose_cfg)
    before = copy.deepcopy(model.state_dict())
    wide = copy.deepcopy(base_cfg)
    wide['backbone']['arch'].update(embed_dims=64)
    wide['head']['in_channels'] = 64
    base_cfg['head']['out_channels'] = 21

    def keep(*starts: str) -> dict:
        return {k: v for k, v in before.items() if k.startswith(starts)}

    def drop(start: str) -> dict:
        return {k: v for k, v in before.items() if not k.startswith(start)}

    for weights, fault in (
        ({'stem.weight': torch.zeros(1)}, 'fits no part of VLPoseEstimator.*stem.weight'),
        (build(wide).state_dict(), 'backbone.pos_embed has shape'),
        (
            build(base_cfg).state_dict(),
            'predicts 21 keypoints, and the .*s 17.*base_out_channels=21',
        ),
        (keep('backbone.'), r'has no head\.\*'),
        (keep('head.'), r'has no backbone\.\*'),
        (drop('matcher.'), 'only some of the .* matcher'),
        (drop('backbone.visual_prompts'), 'backbone.visual_prompts is missing'),
        ({**before, '_extra_state': torch.zeros(4)}, '_extra_state is not what a VLPose'),
    ):
        with pytest.raises(ValueError, match=fault):
            load_state_dict(model, weights)
        for name, tensor in model.state_dict().items():
            assert torch.equal(tensor, before[name])


def test_a_checkpoint_of_a_wrapped_model_is_loaded_or_its_prefixes_are_named(
    vlpose_cfg: dict, base_cfg: dict
) -> None:
    model, weights = MODELS.build(vlpose_cfg), build(base_cfg).state_dict()
    load_state_dict(model, {f'model._orig_mod.{name}': weights[name] for name in weights})
    assert all(torch.equal(model.state_dict()[name], weights[name]) for name in weights)
    both = {f'{who}.{name}': weights[name] for name in weights for who in ('ema', 'last')}
    with pytest.raises(ValueError, match=r"begin with 'ema\.' or 'last\.'; write a checkp"):
        load_state_dict(model, both)


def test_a_new_predictor_starts_on_a_base_of_other_keypoints(
    vlpose_cfg: dict, base_cfg: dict, make_sample: Callable, warned: list[str]
) -> None:
    vlpose_cfg['head'].update(out_channels=21, base_out_channels=17)
    base = build(base_cfg).state_dict()
    model = MODELS.build(vlpose_cfg)
    load_state_dict(model, base)
    assert all(torch.equal(model.state_dict()[name], base[name]) for name in base)
    image, samples = torch.randn(1, 3, 128, 96), [make_sample(TEXT_PROMPTS[0])]
    assert model.eval()(image, samples).shape[1] == 21
    with model.disable_adapter():
        assert model(image, samples).shape[1] == 17
        with pytest.raises(
            ValueError, match='base predicts 17 .* lacks the 21 .*route tuned'
        ):
            model.predict(image, samples)

    # Its adapter stands on the same base.
    again = MODELS.build(vlpose_cfg)
    load_state_dict(again, base)
    load_state_dict(again, model.adapter_state_dict())
    assert torch.equal(again.eval()(image, samples), model(image, samples))


def test_training_on_a_random_base_is_warned_of_once(
    vlpose_cfg: dict, base_cfg: dict, make_sample: Callable, warned: list[str]
) -> None:
    model = MODELS.build(vlpose_cfg)
    train(model, make_sample)
    assert [text for text in warned if 'frozen base is random' in text] == [*warned[:1]]
    warned.clear()
    load_state_dict(model, build(base_cfg).state_dict())
    train(model, make_sample)
    assert not any('random' in text for text in warned)


def test_zero_gates_start_exactly_at_the_loaded_base(
    vlpose_cfg: dict, base_cfg: dict, make_sample: Callable
) -> None:
    vlpose_cfg['backbone']['visual_prompt']['gate_init'] = 0.0
    vlpose_cfg['head']['gate_init'] = 0.0
    base, model = build(base_cfg).eval(), MODELS.build(vlpose_cfg).eval()
    load_state_dict(model, base.state_dict())
    batch = torch.randn(1, 3, 128, 96), [make_sample(TEXT_PROMPTS[0])]
    before = base(*batch)
    assert torch.equal(model(*batch), before)
    train(model, make_sample)
    assert not torch.equal(model.eval()(*batch), before)


def test_warns_when_an_untuned_checkpoint_is_tested_on_the_tuned_route(
    vlpose_cfg: dict, base_cfg: dict, make_sample: Callable, warned: list[str]
) -> None:
    model = MODELS.build(vlpose_cfg).eval()
    load_state_dict(model, build(base_cfg).state_dict())
    image, samples = torch.randn(1, 3, 128, 96), [make_sample(TEXT_PROMPTS[0])]
    with model.disable_adapter():
        model.predict(image, copy.deepcopy(samples))
    assert not warned
    for _ in range(2):
        model.predict(image, copy.deepcopy(samples))
        assert len(warned) == 1 and 'never tuned' in warned[0]
    load_state_dict(model, model.state_dict())
    model.predict(image, samples)
    assert len(warned) == 1


def test_a_learned_context_is_trained_saved_and_loaded(
    vlpose_cfg: dict, minilm: str, make_sample: Callable
) -> None:
    vlpose_cfg['text_encoder'] = dict(
        type='TransformersTextEncoder', pretrained=minilm, context_tokens=2
    )
    model = build(vlpose_cfg)
    before = model.text_encoder.context.detach().clone()
    train(model, make_sample)
    assert not torch.equal(model.text_encoder.context, before)
    weights = model.state_dict()
    assert [n for n in weights if n.startswith('text_')] == ['text_encoder.context']
    other = build(vlpose_cfg).eval()
    load_state_dict(other, weights)
    batch = torch.randn(1, 3, 128, 96), [make_sample(TEXT_PROMPTS[0])]
    assert torch.equal(other(*batch), model.eval()(*batch))
    faults = {0: 'which the config does not have', 3: r'has shape \(2, 384\), not \(3'}
    for context_tokens, fault in faults.items():
        vlpose_cfg['text_encoder']['context_tokens'] = context_tokens
        with pytest.raises(ValueError, match=f'text_encoder.context,? {fault}'):
            load_state_dict(build(vlpose_cfg), weights)
