"""VLPoseEstimator as a whole: batches, text prompts, widths, what training changes."""

import copy
from collections.abc import Callable

import pytest
import torch
from mmengine.runner.checkpoint import load_state_dict
from mmpose.registry import MODELS

from tests.conftest import BACKBONE
from tests.test_models.estimators import TEXT_PROMPTS, build, train
from vlpose_mm.datasets.scenarios import DEFAULT_TEXT_PROMPT


@pytest.mark.fast
def test_a_prediction_depends_on_its_text_prompt_and_not_on_the_batch(
    vlpose_cfg: dict, make_sample: Callable
) -> None:
    model = build(vlpose_cfg).eval()
    images = torch.randn(3, 3, 128, 96)
    prompts = [TEXT_PROMPTS, *TEXT_PROMPTS[:2]]
    samples = [make_sample(text_prompt) for text_prompt in prompts]
    with torch.no_grad():
        together = model(images, samples)
        for i in (0, 1, 2):
            alone = model(images[i : i + 1], samples[i : i + 1])[0]
            torch.testing.assert_close(together[i], alone, atol=1e-5, rtol=1e-5)
        model.text_encoder._cache.clear()
        assert torch.equal(model(images, samples), together)
        # The order of several texts does not matter to attention.
        reverse = model(images[:1], [make_sample(TEXT_PROMPTS[::-1])])
        torch.testing.assert_close(reverse[0], together[0], atol=1e-5, rtol=1e-5)
        other = model(images[1:2], samples[2:])[0]
    assert (other - together[1]).abs().max() > 1e-3


def test_a_sample_without_text_prompt_gets_the_default_and_a_warning(
    vlpose_cfg: dict, make_sample: Callable, warned: list[str]
) -> None:
    model = build(vlpose_cfg).eval()
    image = torch.randn(1, 3, 128, 96)
    want = model(image, [make_sample(DEFAULT_TEXT_PROMPT)])
    assert not warned
    assert torch.equal(model(image, [make_sample()]), want)
    assert torch.equal(model(image), want)
    assert len(warned) == 1 and 'AssignTextPrompt' in warned[0]


@pytest.mark.parametrize('join_views_up_to', [1, 2])
def test_flip_test_averages_both_views_and_encodes_the_text_once(
    join_views_up_to: int,
    vlpose_cfg: dict,
    make_sample: Callable,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        'vlpose_mm.models.pose_estimators.vlpose.JOIN_VIEWS_UP_TO', join_views_up_to
    )
    vlpose_cfg['test_cfg']['output_heatmaps'] = True
    model = build(vlpose_cfg).eval()
    images = torch.randn(2, 3, 128, 96)
    samples = [make_sample(text_prompt) for text_prompt in TEXT_PROMPTS[:2]]
    encoded = []
    model.text_encoder.register_forward_pre_hook(lambda *args: encoded.append(args))
    with torch.no_grad():
        got = model.predict(images, samples)
        assert len(encoded) == 1
        straight = model(images, samples)
        mirrored = model(images.flip(-1), samples).flip(-1)
    mirrored = mirrored[:, samples[0].metainfo['flip_indices']]
    for i, sample in enumerate(got):
        torch.testing.assert_close(
            sample.pred_fields.heatmaps, (straight[i] + mirrored[i]) / 2
        )
        assert sample.pred_instances.keypoints.shape == (1, 17, 2)


def test_test_cfg_chooses_the_route(vlpose_cfg: dict, make_sample: Callable) -> None:
    vlpose_cfg['test_cfg']['route'] = 'original'
    model = build(vlpose_cfg).eval()
    assert len(model.extract_feat(torch.randn(1, 3, 128, 96))) == 1
    # Training tunes whatever the route of testing is.
    losses = model.loss(torch.randn(1, 3, 128, 96), [make_sample(TEXT_PROMPTS[0])])
    assert losses['loss_kpt'].requires_grad
    model.test_cfg['route'] = 'tuned'
    assert len(model.extract_feat(torch.randn(1, 3, 128, 96))) == 2
    vlpose_cfg['test_cfg']['route'] = 'best'
    with pytest.raises(ValueError, match="Unknown route 'best'"):
        MODELS.build(vlpose_cfg)


TRAINED = (
    'backbone.visual_prompts',
    'backbone.lora.',
    'matcher.',
    'head.aux_deconv_layers.',
    'head.tuned_final_layer.',
    'head.entry_gate',
    'head.exit_gate',
)


def is_trained(name: str) -> bool:
    return name.startswith(TRAINED) or '.lora_' in name


def test_training_changes_the_adapter_alone_and_all_of_it(
    vlpose_cfg: dict, make_sample: Callable
) -> None:
    vlpose_cfg['head']['gate_init'] = 0.1
    model = build(vlpose_cfg)
    before = copy.deepcopy(model.state_dict())
    train(model, make_sample)
    for name, tensor in model.state_dict().items():
        trained = is_trained(name) and not name.endswith('_id')
        assert torch.equal(tensor, before[name]) != trained, name
    samples = [make_sample(text_prompt) for text_prompt in TEXT_PROMPTS]
    model.loss(torch.randn(3, 3, 128, 96), samples)['loss_kpt'].backward()
    for name, param in model.named_parameters():
        assert param.requires_grad == is_trained(name), name
        # Distributed training would wait for a gradient that never comes.
        assert (param.grad is not None) == param.requires_grad, name


def test_widths_follow_from_backbone_and_text_encoder(vlpose_cfg: dict) -> None:
    model = MODELS.build(copy.deepcopy(vlpose_cfg))
    assert model.matcher.text_proj.in_features == 384
    assert model.matcher.q.in_features == BACKBONE['arch']['embed_dims']
    assert model.head.in_channels == 32
    vlpose_cfg['head']['in_channels'] = 64
    vlpose_cfg['head']['in_channels'] = 32
    vlpose_cfg['matcher'].update(embed_dims=32, text_dims=384)
    vlpose_cfg['backbone']['lora']['text_dims'] = 384
    MODELS.build(copy.deepcopy(vlpose_cfg))
    for part, name in (
        ('head', 'in_channels'),
        ('matcher', 'embed_dims'),
        ('matcher', 'text_dims'),
    ):
        cfg = copy.deepcopy(vlpose_cfg)
        cfg[part][name] = 64
        with pytest.raises(ValueError, match=rf'{part}.{name} is 64, .*; omit {name}'):
            MODELS.build(cfg)


def test_refuses_a_neck_and_backbones_without_visual_prompts(vlpose_cfg: dict) -> None:
    with pytest.raises(ValueError, match='has no neck.* set neck=None'):
        MODELS.build(dict(vlpose_cfg, neck=dict(type='FPN')))
    vlpose_cfg['backbone'] = dict(type='ResNet', depth=18)
    match = "ResNet takes no visual prompts.*'PromptedHRFormer'"
    with pytest.raises(ValueError, match=match):
        MODELS.build(vlpose_cfg)


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
    vlpose_cfg: dict, make_sample: Callable
) -> None:
    image, samples = torch.randn(1, 3, 128, 96), [make_sample(TEXT_PROMPTS[0])]

    def steps(**train_cfg: object) -> list[bool]:
        model = MODELS.build({**vlpose_cfg, 'train_cfg': train_cfg}).train()
        return ['acc_pose' in model.loss(image, samples) for _ in range(4)]

    assert steps(accuracy_interval=2) == [False, True] * 2
    assert steps(accuracy_interval=1) == [True] * 4
    assert steps() == steps(accuracy_interval=1, compute_acc=False) == [False] * 4
    for interval in (0, 2.5, None):
        with pytest.raises(ValueError, match='accuracy_interval'):
            steps(accuracy_interval=interval)


def test_autocast_predicts_and_trains_every_tuned_part(
    vlpose_cfg: dict, make_sample: Callable
) -> None:
    # MMPose measures it in numpy, which has no bfloat16.
    vlpose_cfg['train_cfg'] = dict(accuracy_interval=1)
    model = build(vlpose_cfg)
    image, samples = torch.randn(2, 3, 128, 96), [make_sample(s) for s in TEXT_PROMPTS[:2]]
    expected = model.eval()(image, samples)
    with torch.autocast('cpu', torch.bfloat16):
        torch.testing.assert_close(
            model(image, samples).float(), expected, atol=0.05, rtol=0.05
        )
        model.predict(image, samples)
        losses = model.train().loss(image, samples)
    assert 0 <= losses['acc_pose'] <= 1
    losses['loss_kpt'].backward()
    for name, param in model.named_parameters():
        assert (param.grad is not None) == param.requires_grad, name


def test_the_language_model_is_frozen_and_follows_the_estimator_to_half_precision(
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
    image, samples = torch.randn(1, 3, 128, 96), [make_sample(TEXT_PROMPTS[0])]
    with torch.no_grad():
        want = model.eval()(image, samples)
        model.bfloat16()
        assert model.text_encoder(TEXT_PROMPTS).last_hidden_state.dtype == torch.bfloat16
        got = model(image.bfloat16(), samples)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, want, atol=0.1, rtol=0.1)


def test_without_text_the_matcher_relates_patches_alone(
    vlpose_cfg: dict, make_sample: Callable
) -> None:
    vlpose_cfg['text_encoder'] = None
    model = build(vlpose_cfg)
    assert not any(name.startswith('matcher.text') for name in model.state_dict())
    train(model, make_sample)
    model.eval()
    image = torch.randn(1, 3, 128, 96)
    first, second = (model(image, [make_sample(s)]) for s in TEXT_PROMPTS[:2])
    assert torch.equal(first, second)
    (sample,) = model.predict(image, [make_sample()])
    assert sample.pred_instances.keypoints.shape == (1, 17, 2)
