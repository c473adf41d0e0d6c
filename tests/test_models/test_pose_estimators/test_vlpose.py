"""VLPoseEstimator as a whole: batches, text prompts, widths, what training changes."""

import copy
from collections.abc import Callable

import pytest
import torch
from mmengine.config import Config
from mmengine.runner.checkpoint import load_state_dict
from mmpose.registry import MODELS

from tests.test_models.estimators import TEXT_PROMPTS, build, train
from vlpose_mm.datasets.scenarios import DEFAULT_TEXT_PROMPT


@pytest.mark.fast
@torch.no_grad()
def test_a_prediction_depends_on_its_text_prompt_and_not_on_the_batch(
    vlpose_cfg: dict, make_batch: Callable
) -> None:
    model = build(vlpose_cfg).eval()
    images, samples = make_batch(TEXT_PROMPTS, *TEXT_PROMPTS[:2])
    together = model(images, samples)
    for i in (0, 1, 2):
        alone = model(images[i : i + 1], samples[i : i + 1])[0]
        torch.testing.assert_close(together[i], alone, atol=1e-5, rtol=1e-5)
    model.text_encoder._cache.clear()
    assert torch.equal(model(images, samples), together)
    # The order of several texts does not matter to attention.
    reverse = model(images[:1], make_batch(TEXT_PROMPTS[::-1])[1])
    torch.testing.assert_close(reverse[0], together[0], atol=1e-5, rtol=1e-5)
    other = model(images[1:2], samples[2:])[0]
    assert (other - together[1]).abs().max() > 1e-3


def test_a_sample_without_text_prompt_gets_the_default_and_a_warning(
    vlpose_cfg: dict, make_batch: Callable, warned: list[str]
) -> None:
    model = build(vlpose_cfg).eval()
    image, samples = make_batch(DEFAULT_TEXT_PROMPT)
    want = model(image, samples)
    assert not warned
    assert torch.equal(model(image, make_batch(None)[1]), want)
    assert torch.equal(model(image), want)
    assert len(warned) == 1 and 'AssignTextPrompt' in warned[0]


@pytest.mark.parametrize('join_views_up_to', [1, 2])
@torch.no_grad()
def test_flip_test_averages_both_views_and_encodes_the_text_once(
    join_views_up_to: int,
    vlpose_cfg: dict,
    make_batch: Callable,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = 'vlpose_mm.models.pose_estimators.vlpose.JOIN_VIEWS_UP_TO'
    monkeypatch.setattr(name, join_views_up_to)
    vlpose_cfg['test_cfg']['output_heatmaps'] = True
    model = build(vlpose_cfg).eval()
    images, samples = make_batch(*TEXT_PROMPTS[:2])
    encoded = []
    model.text_encoder.register_forward_pre_hook(lambda *args: encoded.append(args))
    got = model.predict(images, samples)
    assert len(encoded) == 1
    straight = model(images, samples)
    mirrored = model(images.flip(-1), samples).flip(-1)
    want = (straight + mirrored[:, samples[0].metainfo['flip_indices']]) / 2
    for sample, heatmaps in zip(got, want, strict=True):
        torch.testing.assert_close(sample.pred_fields.heatmaps, heatmaps)
        assert sample.pred_instances.keypoints.shape == (1, 17, 2)


def test_test_cfg_chooses_the_route(vlpose_cfg: dict, make_batch: Callable) -> None:
    vlpose_cfg['test_cfg']['route'] = 'original'
    model = build(vlpose_cfg).eval()
    images, samples = make_batch(TEXT_PROMPTS[0])
    assert len(model.extract_feat(images)) == 1
    # Training tunes whatever the route of testing is.
    assert model.loss(images, samples)['loss_kpt'].requires_grad
    model.test_cfg['route'] = 'tuned'
    assert len(model.extract_feat(images)) == 2


TRAINED = (
    'backbone.visual_prompts',
    'backbone.lora.',
    'matcher.',
    'head.aux_deconv_layers.',
    'head.tuned_final_layer.',
    'head.entry_gate',
    'head.exit_gate',
)


def test_training_changes_the_adapter_alone_and_all_of_it(
    vlpose_cfg: dict, make_sample: Callable, make_batch: Callable
) -> None:
    vlpose_cfg['head']['gate_init'] = 0.1
    model = build(vlpose_cfg)
    before = copy.deepcopy(model.state_dict())
    train(model, make_sample)
    is_trained = {n: n.startswith(TRAINED) or '.lora_' in n for n in before}
    for name, tensor in model.state_dict().items():
        changes = is_trained[name] and not name.endswith('_id')
        assert torch.equal(tensor, before[name]) != changes, name
    model.loss(*make_batch(*TEXT_PROMPTS))['loss_kpt'].backward()
    for name, param in model.named_parameters():
        assert param.requires_grad == is_trained[name], name
        # Distributed training would wait for a gradient that never comes.
        assert (param.grad is not None) == param.requires_grad, name


def test_widths_follow_from_backbone_and_text_encoder(vlpose_cfg: dict) -> None:
    model = MODELS.build(copy.deepcopy(vlpose_cfg))
    assert model.matcher.text_proj.in_features == 384
    assert model.matcher.q.in_features == model.head.in_channels == 32
    vlpose_cfg['head']['in_channels'] = 32
    vlpose_cfg['matcher'].update(embed_dims=32, text_dims=384)
    vlpose_cfg['backbone']['lora']['text_dims'] = 384
    MODELS.build(vlpose_cfg)


@pytest.mark.parametrize(
    ('change', 'error'),
    [
        ({'head.in_channels': 64}, 'head.in_channels is 64, .*; omit in_channels'),
        ({'matcher.embed_dims': 64}, 'matcher.embed_dims is 64, .*; omit embed_dims'),
        ({'matcher.text_dims': 64}, 'matcher.text_dims is 64, .*; omit text_dims'),
        ({'neck': dict(type='FPN')}, 'has no neck.* set neck=None'),
        (
            {'backbone': dict(_delete_=True, type='ResNet', depth=18)},
            "ResNet takes no visual prompts.*'PromptedHRFormer'",
        ),
        ({'test_cfg.route': 'best'}, "Unknown route 'best'"),
        ({'train_cfg.route': 'original'}, "'tuned' or 'auto', got 'original'"),
        ({'train_cfg.accuracy_interval': 0}, 'accuracy_interval must be .* got 0'),
        ({'train_cfg.accuracy_interval': 2.5}, 'accuracy_interval must be .* got 2.5'),
        ({'train_cfg.accuracy_interval': None}, 'accuracy_interval must be .* got None'),
    ],
)
def test_refuses_a_bad_config(change: dict, error: str, vlpose_cfg: dict) -> None:
    cfg = Config(vlpose_cfg)
    cfg.merge_from_dict(change)
    with pytest.raises(ValueError, match=error):
        MODELS.build(cfg.to_dict())


def test_warns_when_the_backbone_trains(
    vlpose_cfg: dict, base_cfg: dict, warned: list[str]
) -> None:
    MODELS.build(copy.deepcopy(vlpose_cfg))
    assert not warned
    vlpose_cfg['backbone']['frozen_stages'] = 2
    model = MODELS.build(vlpose_cfg)
    assert len(warned) == 1 and 'original route changes' in warned[0]
    # It still loads MMPose's checkpoints.
    weights = build(base_cfg).state_dict()
    load_state_dict(model, weights)
    name = 'backbone.layers.2.ln1.weight'
    assert torch.equal(model.state_dict()[name], weights[name])


def test_the_accuracy_is_computed_at_an_interval(
    vlpose_cfg: dict, make_batch: Callable
) -> None:
    batch = make_batch(TEXT_PROMPTS[0])

    def steps(**train_cfg: object) -> list[bool]:
        model = MODELS.build({**vlpose_cfg, 'train_cfg': train_cfg}).train()
        return ['acc_pose' in model.loss(*batch) for _ in range(4)]

    assert steps(accuracy_interval=2) == [False, True] * 2
    assert steps(accuracy_interval=1) == [True] * 4
    assert steps() == steps(accuracy_interval=1, compute_acc=False) == [False] * 4


def test_autocast_predicts_and_trains_every_tuned_part(
    vlpose_cfg: dict, make_batch: Callable
) -> None:
    # MMPose measures it in numpy, which has no bfloat16.
    vlpose_cfg['train_cfg'] = dict(accuracy_interval=1)
    model, batch = build(vlpose_cfg).eval(), make_batch(*TEXT_PROMPTS[:2])
    want = model(*batch)
    with torch.autocast('cpu', torch.bfloat16):
        torch.testing.assert_close(model(*batch).float(), want, atol=0.05, rtol=0.05)
        model.predict(*batch)
        losses = model.train().loss(*batch)
    assert 0 <= losses['acc_pose'] <= 1
    losses['loss_kpt'].backward()
    for name, param in model.named_parameters():
        assert (param.grad is not None) == param.requires_grad, name


def test_the_language_model_is_frozen_and_follows_the_estimator_to_half_precision(
    vlpose_cfg: dict, minilm: str, make_sample: Callable, make_batch: Callable
) -> None:
    vlpose_cfg['text_encoder'] = dict(type='TransformersTextEncoder', pretrained=minilm)
    model = build(vlpose_cfg)
    language_model = model.text_encoder._model._nets
    before = copy.deepcopy(language_model.state_dict())
    train(model, make_sample, steps=1)
    assert not language_model.training
    for name, tensor in language_model.state_dict().items():
        assert torch.equal(tensor, before[name])
    image, samples = make_batch(TEXT_PROMPTS[0])
    with torch.no_grad():
        want = model.eval()(image, samples)
        model.bfloat16()
        assert model.text_encoder(TEXT_PROMPTS).last_hidden_state.dtype == torch.bfloat16
        got = model(image.bfloat16(), samples)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, want, atol=0.1, rtol=0.1)


def test_without_text_the_matcher_relates_patches_alone(
    vlpose_cfg: dict, make_sample: Callable, make_batch: Callable
) -> None:
    vlpose_cfg['text_encoder'] = None
    model = build(vlpose_cfg)
    assert not any(name.startswith('matcher.text') for name in model.state_dict())
    train(model, make_sample)
    images, samples = make_batch(*TEXT_PROMPTS[:2])
    first, second = (model.eval()(images[:1], [sample]) for sample in samples)
    assert torch.equal(first, second)
    (sample,) = model.predict(images[:1], samples[:1])
    assert sample.pred_instances.keypoints.shape == (1, 17, 2)
