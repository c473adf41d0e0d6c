"""What VLPoseEstimator loads, and what it refuses to."""

import copy
from collections.abc import Callable

import pytest
import torch
from mmengine.runner.checkpoint import load_state_dict
from mmpose.registry import MODELS

from tests.test_models.estimators import TEXT_PROMPTS, build, train


@pytest.mark.fast
def test_a_checkpoint_of_its_own_loads_back_whole(vlpose_cfg: dict) -> None:
    model, copy_of_it = build(copy.deepcopy(vlpose_cfg)), build(vlpose_cfg)
    state_dict = model.state_dict()
    assert not any('text_encoder' in name for name in state_dict)
    copy_of_it.load_state_dict(state_dict)
    for name, tensor in copy_of_it.state_dict().items():
        assert torch.equal(tensor, state_dict[name])


def test_refuses_a_checkpoint_that_fits_no_part(vlpose_cfg: dict) -> None:
    with pytest.raises(ValueError, match='fits no part of VLPoseEstimator.*stem.weight'):
        load_state_dict(MODELS.build(vlpose_cfg), {'stem.weight': torch.zeros(1)})


def test_refuses_a_stock_checkpoint_of_another_width_and_loads_nothing(
    vlpose_cfg: dict, base_cfg: dict
) -> None:
    base_cfg['backbone']['arch'].update(embed_dims=64)
    base_cfg['head']['in_channels'] = 64
    model = MODELS.build(vlpose_cfg)
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match='backbone.pos_embed has shape'):
        load_state_dict(model, MODELS.build(base_cfg).state_dict())
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])


def without_gates(cfg: dict) -> None:
    cfg['head']['gate_init'] = None


def with_more_prompts(cfg: dict) -> None:
    cfg['backbone']['visual_prompt'] = dict(num_tokens=4)


def without_prompts(cfg: dict) -> None:
    cfg['backbone'].update(visual_prompt=None, trained_layers=0)


def rewired(cfg: dict) -> None:
    cfg['head']['wiring'] = 'released'


def with_another_matcher(cfg: dict) -> None:
    cfg['matcher']['variant'] = 'cosine'


def with_other_heads(cfg: dict) -> None:
    cfg['matcher']['num_heads'] = 4


def wordless(cfg: dict) -> None:
    cfg['text_encoder'] = None


def with_mean_text_prompts(cfg: dict) -> None:
    cfg['text_encoder']['combine'] = 'mean'


@pytest.mark.parametrize(
    ('change', 'fault'),
    [
        (rewired, "head.wiring='dual', not 'released'"),
        (with_another_matcher, "matcher.variant='joint', not 'cosine'"),
        (with_other_heads, 'matcher.num_heads=8, not 4'),
        (wordless, "text_encoder='words', not None"),
        (with_mean_text_prompts, "text_encoder.combine='concat', not 'mean'"),
        (without_prompts, 'tuned with backbone.visual_prompts, which the config does not'),
        (without_gates, 'tuned with head.exit_gate, which the config does not have'),
        (with_more_prompts, 'backbone.visual_prompts has shape'),
    ],
)
def test_refuses_a_tuned_checkpoint_of_another_config(
    change: Callable, fault: str, vlpose_cfg: dict
) -> None:
    vlpose_cfg['head']['gate_init'] = 0.0
    weights = MODELS.build(copy.deepcopy(vlpose_cfg)).state_dict()
    change(vlpose_cfg)
    model = MODELS.build(vlpose_cfg)
    with pytest.raises(ValueError, match=fault):
        load_state_dict(model, weights)


def test_refuses_shallow_prompts_of_another_layer(vlpose_cfg: dict) -> None:
    prompt = vlpose_cfg['backbone']['visual_prompt']
    prompt.update(deep=False, start_layer=1)
    weights = MODELS.build(copy.deepcopy(vlpose_cfg)).state_dict()
    prompt['start_layer'] = 2
    with pytest.raises(ValueError, match=r'visual_prompt.start_layer=1, not 2'):
        load_state_dict(MODELS.build(vlpose_cfg), weights)


def test_refuses_garbled_metadata(vlpose_cfg: dict) -> None:
    model = MODELS.build(vlpose_cfg)
    weights = model.state_dict()
    weights['_extra_state'] = torch.zeros(4, dtype=torch.uint8)
    with pytest.raises(ValueError, match='_extra_state is not what a VLPose writes'):
        load_state_dict(model, weights)


def test_init_weights_twice_keeps_what_was_loaded(vlpose_cfg: dict) -> None:
    model = MODELS.build(vlpose_cfg)
    model.init_weights()
    model.head.tuned_final_layer.weight.data.fill_(7)
    model.backbone.pos_embed.data.fill_(7)
    model.init_weights()
    assert model.head.tuned_final_layer.weight.eq(7).all()
    assert model.backbone.pos_embed.eq(7).all()


def test_zero_gates_start_exactly_at_the_loaded_original(
    vlpose_cfg: dict, base_cfg: dict, make_sample: Callable
) -> None:
    vlpose_cfg['backbone']['visual_prompt']['gate_init'] = 0.0
    vlpose_cfg['head']['gate_init'] = 0.0
    stock, model = build(base_cfg).eval(), MODELS.build(vlpose_cfg).eval()
    load_state_dict(model, stock.state_dict())
    image = torch.randn(1, 3, 128, 96)
    sample = [make_sample(TEXT_PROMPTS[0])]
    with torch.no_grad():
        assert torch.equal(model(image, sample), stock(image, sample))
        before = stock(image, sample)
    train(model, make_sample)
    with torch.no_grad():
        assert not torch.equal(model.eval()(image, sample), before)


@pytest.mark.parametrize(
    ('keep', 'fault'),
    [
        (lambda name: name.startswith('backbone.'), r'has no head\.\*'),
        (lambda name: name.startswith('head.'), r'has no backbone\.\*'),
        (
            lambda name: not name.startswith('matcher.'),
            'only some of the .* matcher',
        ),
        (
            lambda name: name != 'backbone.visual_prompts',
            'backbone.visual_prompts is missing',
        ),
    ],
)
def test_refuses_a_checkpoint_without_whole_parts(
    keep: Callable, fault: str, vlpose_cfg: dict
) -> None:
    weights = MODELS.build(copy.deepcopy(vlpose_cfg)).state_dict()
    weights = {name: tensor for name, tensor in weights.items() if keep(name)}
    with pytest.raises(ValueError, match=fault):
        load_state_dict(MODELS.build(vlpose_cfg), weights)


def test_refuses_a_stock_checkpoint_of_another_skeleton_before_loading_the_backbone(
    vlpose_cfg: dict, base_cfg: dict
) -> None:
    base_cfg['head']['out_channels'] = 21
    model = MODELS.build(vlpose_cfg)
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match=r'final_layer.weight has shape \(21,'):
        load_state_dict(model, build(base_cfg).state_dict())
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_warns_when_an_untuned_checkpoint_is_tested_on_the_tuned_route(
    vlpose_cfg: dict, base_cfg: dict, make_sample: Callable, warned: list[str]
) -> None:
    model = MODELS.build(vlpose_cfg).eval()
    load_state_dict(model, build(base_cfg).state_dict())
    image, samples = torch.randn(1, 3, 128, 96), [make_sample(TEXT_PROMPTS[0])]
    with model.disable_adapter():
        model.predict(image, copy.deepcopy(samples))
    assert not warned
    model.predict(image, copy.deepcopy(samples))
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
    image, samples = torch.randn(1, 3, 128, 96), [make_sample(TEXT_PROMPTS[0])]
    assert torch.equal(other(image, samples), model.eval()(image, samples))
    faults = {0: 'which the config does not have', 3: r'has shape \(2, 384\), not \(3'}
    for context_tokens, fault in faults.items():
        vlpose_cfg['text_encoder']['context_tokens'] = context_tokens
        with pytest.raises(ValueError, match=f'text_encoder.context,? {fault}'):
            load_state_dict(build(vlpose_cfg), weights)
