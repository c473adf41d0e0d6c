"""VLPoseEstimator as a whole: batches, routes, what training touches, checkpoints."""

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from mmengine.optim import OptimWrapper
from mmengine.runner.checkpoint import load_state_dict
from mmpose.registry import MODELS

from tests.conftest import BACKBONE
from vlpose_mm.datasets.scenarios import DEFAULT_SENTENCE, SCENARIOS

SENTENCES = [SCENARIOS[name].sentence for name in ('sketch', 'garage_kits', 'mural')]


def build(cfg: dict) -> torch.nn.Module:
    """Build a model with random weights and statistics in every place."""
    model = MODELS.build(cfg)
    model.init_weights()
    for name, tensor in model.state_dict().items():
        if 'running' in name or 'ln' in name:
            torch.nn.init.uniform_(tensor, 0.5, 1.5)
        elif 'num_batches' not in name:
            # Words must weigh enough to be seen in the heatmaps.
            torch.nn.init.normal_(tensor, std=0.4 if 'matcher' in name else 0.1)
    return model


def test_a_prediction_is_the_same_alone_and_in_any_batch(
    vlpose_cfg: dict, make_sample: Callable
) -> None:
    model = build(vlpose_cfg).eval()
    images = torch.randn(3, 3, 128, 96)
    samples = [make_sample(sentence) for sentence in SENTENCES]
    with torch.no_grad():
        together = model(images, samples)
        for i in (0, 1, 2):
            alone = model(images[i : i + 1], samples[i : i + 1])[0]
            torch.testing.assert_close(together[i], alone, atol=1e-5, rtol=1e-5)
        model.text_encoder._cache.clear()
        torch.testing.assert_close(model(images, samples), together, atol=0, rtol=0)


def test_the_sentence_changes_the_prediction(
    vlpose_cfg: dict, make_sample: Callable
) -> None:
    model = build(vlpose_cfg).eval()
    image = torch.randn(1, 3, 128, 96)
    first, second = (model(image, [make_sample(s)]) for s in SENTENCES[:2])
    assert (first - second).abs().max() > 1e-3


def test_a_sample_without_text_gets_the_default_sentence_and_a_warning(
    vlpose_cfg: dict, make_sample: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = []
    monkeypatch.setattr(
        'vlpose_mm.models.vlpose.print_log', lambda text, **_: said.append(text)
    )
    model = build(vlpose_cfg).eval()
    image = torch.randn(1, 3, 128, 96)
    expected = model(image, [make_sample(DEFAULT_SENTENCE)])
    assert not said
    assert torch.equal(model(image, [make_sample()]), expected)
    assert torch.equal(model(image), expected)
    assert len(said) == 1 and 'AssignTextPrompt' in said[0]


def test_flip_test_averages_the_picture_and_its_mirror_image(
    vlpose_cfg: dict, make_sample: Callable
) -> None:
    vlpose_cfg['test_cfg']['output_heatmaps'] = True
    model = build(vlpose_cfg).eval()
    images = torch.randn(2, 3, 128, 96)
    samples = [make_sample(sentence) for sentence in SENTENCES[:2]]
    with torch.no_grad():
        got = model.predict(images, samples)
        straight = model(images, samples)
        mirrored = model(images.flip(-1), samples).flip(-1)
    mirrored = mirrored[:, samples[0].metainfo['flip_indices']]
    for i, sample in enumerate(got):
        torch.testing.assert_close(
            sample.pred_fields.heatmaps, (straight[i] + mirrored[i]) / 2
        )
        assert sample.pred_instances.keypoints.shape == (1, 17, 2)


def test_the_original_route_is_the_stock_estimator_bit_for_bit(
    vlpose_cfg: dict, stock_cfg: dict, make_sample: Callable
) -> None:
    stock, model = build(stock_cfg).eval(), build(vlpose_cfg)
    load_state_dict(model, stock.state_dict())
    train(model, make_sample)
    model.eval()
    images = torch.randn(2, 3, 128, 96)
    samples = [make_sample(sentence) for sentence in SENTENCES[:2]]
    with torch.no_grad():
        expected = stock(images, samples)
        tuned = model(images, samples)
        with model.original():
            assert torch.equal(model(images, samples), expected)
            got = model.predict(images, copy.deepcopy(samples))
        assert torch.equal(model(images, samples), tuned)
    assert not torch.equal(tuned, expected)
    for ours, theirs in zip(got, stock.predict(images, samples), strict=True):
        for key in ('keypoints', 'keypoint_scores'):
            assert np.array_equal(ours.pred_instances[key], theirs.pred_instances[key])


def test_test_cfg_chooses_the_route(vlpose_cfg: dict, make_sample: Callable) -> None:
    vlpose_cfg['test_cfg']['route'] = 'original'
    model = build(vlpose_cfg).eval()
    assert len(model.extract_feat(torch.randn(1, 3, 128, 96))) == 1
    # Training tunes whatever the route of testing is.
    losses = model.loss(torch.randn(1, 3, 128, 96), [make_sample(SENTENCES[0])])
    assert losses['loss_kpt'].requires_grad
    model.test_cfg['route'] = 'tuned'
    assert len(model.extract_feat(torch.randn(1, 3, 128, 96))) == 2
    vlpose_cfg['test_cfg']['route'] = 'auto'
    with pytest.raises(ValueError, match="Unknown route 'auto'"):
        MODELS.build(vlpose_cfg)


def train(model: torch.nn.Module, make_sample: Callable, steps: int = 3) -> None:
    """Train some steps as a runner does."""
    model.train()
    trained = [p for p in model.parameters() if p.requires_grad]
    wrapper = OptimWrapper(torch.optim.AdamW(trained, lr=0.01, weight_decay=0.1))
    for _ in range(steps):
        samples = [make_sample(sentence) for sentence in SENTENCES]
        images = [torch.randn(3, 128, 96) for _ in samples]
        model.train_step(dict(inputs=images, data_samples=samples), wrapper)


TRAINED = (
    'backbone.prompts',
    'matcher.',
    'head.aux_deconv_layers.',
    'head.tuned_final_layer.',
    'head.entry_gate',
    'head.exit_gate',
)


def test_training_touches_the_tuned_parts_alone_and_all_of_them(
    vlpose_cfg: dict, make_sample: Callable
) -> None:
    vlpose_cfg['head']['gate_init'] = 0.1
    model = build(vlpose_cfg)
    before = copy.deepcopy(model.state_dict())
    train(model, make_sample)
    for name, tensor in model.state_dict().items():
        trained = name.startswith(TRAINED)
        assert torch.equal(tensor, before[name]) != trained, name
    samples = [make_sample(sentence) for sentence in SENTENCES]
    model.loss(torch.randn(3, 3, 128, 96), samples)['loss_kpt'].backward()
    for name, param in model.named_parameters():
        assert param.requires_grad == name.startswith(TRAINED), name
        # Distributed training would wait for a gradient that never comes.
        assert (param.grad is not None) == param.requires_grad, name


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
    vlpose_cfg: dict, stock_cfg: dict
) -> None:
    stock_cfg['backbone']['arch'].update(embed_dims=64)
    stock_cfg['head']['in_channels'] = 64
    model = MODELS.build(vlpose_cfg)
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match='backbone.pos_embed has shape'):
        load_state_dict(model, MODELS.build(stock_cfg).state_dict())
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_widths_come_from_backbone_and_text_encoder(vlpose_cfg: dict) -> None:
    model = MODELS.build(copy.deepcopy(vlpose_cfg))
    assert model.matcher.text_proj.in_features == 384
    assert model.matcher.q.in_features == BACKBONE['arch']['embed_dims']
    assert model.head.in_channels == 32
    vlpose_cfg['head']['in_channels'] = 64
    with pytest.raises(ValueError, match='in_channels is 64 but the backbone is 32'):
        MODELS.build(vlpose_cfg)
    vlpose_cfg['head']['in_channels'] = 32
    with pytest.raises(ValueError, match='has no neck'):
        MODELS.build(dict(vlpose_cfg, neck=dict(type='FPN')))


def without_gates(cfg: dict) -> None:
    cfg['head']['gate_init'] = None


def with_more_prompts(cfg: dict) -> None:
    cfg['backbone']['prompt'] = dict(num_tokens=4)


@pytest.mark.parametrize(
    ('change', 'fault'),
    [
        (without_gates, 'head.entry_gate has no place'),
        (with_more_prompts, 'backbone.prompts has shape'),
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


def test_init_weights_twice_keeps_what_was_loaded(vlpose_cfg: dict) -> None:
    model = MODELS.build(vlpose_cfg)
    model.init_weights()
    model.head.tuned_final_layer.weight.data.fill_(7)
    model.backbone.pos_embed.data.fill_(7)
    model.init_weights()
    assert model.head.tuned_final_layer.weight.eq(7).all()
    assert model.backbone.pos_embed.eq(7).all()


def test_zero_gates_start_exactly_at_the_loaded_original(
    vlpose_cfg: dict, stock_cfg: dict, make_sample: Callable
) -> None:
    vlpose_cfg['backbone']['prompt']['gate_init'] = 0.0
    vlpose_cfg['head']['gate_init'] = 0.0
    stock, model = build(stock_cfg).eval(), MODELS.build(vlpose_cfg).eval()
    load_state_dict(model, stock.state_dict())
    image = torch.randn(1, 3, 128, 96)
    sample = [make_sample(SENTENCES[0])]
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
        (lambda name: name != 'backbone.prompts', 'only some .* backbone.prompts'),
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
    vlpose_cfg: dict, stock_cfg: dict
) -> None:
    stock_cfg['head']['out_channels'] = 21
    model = MODELS.build(vlpose_cfg)
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match=r'final_layer.weight has shape \(21,'):
        load_state_dict(model, build(stock_cfg).state_dict())
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])


@pytest.fixture
def warned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    texts = []
    monkeypatch.setattr(
        'vlpose_mm.models.vlpose.print_log', lambda text, **_: texts.append(text)
    )
    return texts


def test_warns_when_an_untuned_checkpoint_is_tested_on_the_tuned_route(
    vlpose_cfg: dict, stock_cfg: dict, make_sample: Callable, warned: list[str]
) -> None:
    model = MODELS.build(vlpose_cfg).eval()
    load_state_dict(model, build(stock_cfg).state_dict())
    image, samples = torch.randn(1, 3, 128, 96), [make_sample(SENTENCES[0])]
    with model.original():
        model.predict(image, copy.deepcopy(samples))
    assert not warned
    model.predict(image, copy.deepcopy(samples))
    model.predict(image, copy.deepcopy(samples))
    assert len(warned) == 1 and 'never tuned' in warned[0]
    load_state_dict(model, model.state_dict())
    model.predict(image, samples)
    assert len(warned) == 1


def test_warns_when_more_of_the_backbone_trains_than_prompts(
    vlpose_cfg: dict, stock_cfg: dict, warned: list[str]
) -> None:
    MODELS.build(copy.deepcopy(vlpose_cfg))
    assert not warned
    vlpose_cfg['backbone']['frozen_stages'] = 2
    model = MODELS.build(vlpose_cfg)
    assert len(warned) == 1 and 'original route changes' in warned[0]
    # And still starts from a stock checkpoint.
    weights = build(stock_cfg).state_dict()
    load_state_dict(model, weights)
    name = 'backbone.layers.2.ln1.weight'
    assert torch.equal(model.state_dict()[name], weights[name])


def test_autocast_predicts_and_trains_every_tuned_part(
    vlpose_cfg: dict, make_sample: Callable
) -> None:
    # MMPose measures the accuracy of a batch in numpy, which has no bfloat16.
    vlpose_cfg['train_cfg'] = dict(compute_acc=False)
    model = build(vlpose_cfg)
    image, samples = torch.randn(2, 3, 128, 96), [make_sample(s) for s in SENTENCES[:2]]
    expected = model.eval()(image, samples)
    with torch.autocast('cpu', torch.bfloat16):
        torch.testing.assert_close(
            model(image, samples).float(), expected, atol=0.05, rtol=0.05
        )
        loss = model.train().loss(image, samples)['loss_kpt']
    loss.backward()
    for name, param in model.named_parameters():
        assert (param.grad is not None) == param.requires_grad, name


def test_training_leaves_the_language_model_alone(
    vlpose_cfg: dict, minilm: str, make_sample: Callable
) -> None:
    vlpose_cfg['text_encoder'] = dict(type='TransformersTextEncoder', pretrained=minilm)
    model = build(vlpose_cfg)
    language_model = model.text_encoder._model._nets
    before = copy.deepcopy(language_model.state_dict())
    train(model, make_sample)
    assert not language_model.training
    for name, tensor in language_model.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_without_words_the_matcher_relates_patches_alone(
    vlpose_cfg: dict, make_sample: Callable
) -> None:
    vlpose_cfg['text_encoder'] = None
    model = build(vlpose_cfg)
    assert not any(name.startswith('matcher.text') for name in model.state_dict())
    train(model, make_sample)
    model.eval()
    image = torch.randn(1, 3, 128, 96)
    first, second = (model(image, [make_sample(s)]) for s in SENTENCES[:2])
    assert torch.equal(first, second)
    (sample,) = model.predict(image, [make_sample()])
    assert sample.pred_instances.keypoints.shape == (1, 17, 2)


def test_a_prompt_may_be_several_sentences(vlpose_cfg: dict, make_sample: Callable) -> None:
    model = build(vlpose_cfg).eval()
    images = torch.randn(2, 3, 128, 96)
    with torch.no_grad():
        together = model(images, [make_sample(SENTENCES), make_sample(SENTENCES[0])])
        alone = model(images[1:], [make_sample(SENTENCES[0])])
        several = model(images[:1], [make_sample(SENTENCES[::-1])])
    torch.testing.assert_close(together[1:], alone, atol=1e-5, rtol=1e-5)
    # Attention knows no order of the words.
    torch.testing.assert_close(together[:1], several, atol=1e-5, rtol=1e-5)


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
    image, samples = torch.randn(1, 3, 128, 96), [make_sample(SENTENCES[0])]
    assert torch.equal(other(image, samples), model.eval()(image, samples))
    for context_tokens in (0, 3):
        vlpose_cfg['text_encoder']['context_tokens'] = context_tokens
        with pytest.raises(ValueError, match='context_tokens=2'):
            load_state_dict(build(vlpose_cfg), weights)


def test_the_text_side_follows_the_estimator_to_half_precision(
    vlpose_cfg: dict, minilm: str, make_sample: Callable
) -> None:
    vlpose_cfg['text_encoder'] = dict(type='TransformersTextEncoder', pretrained=minilm)
    model = build(vlpose_cfg).eval()
    image, samples = torch.randn(1, 3, 128, 96), [make_sample(SENTENCES[0])]
    with torch.no_grad():
        expected = model(image, samples)
        model.bfloat16()
        assert model.text_encoder(SENTENCES).tokens.dtype == torch.bfloat16
        got = model(image.bfloat16(), samples)
    assert got.dtype == torch.bfloat16
    torch.testing.assert_close(got.float(), expected, atol=0.1, rtol=0.1)
