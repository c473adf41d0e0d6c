"""VLPoseEstimator as a whole: batches, routes, words, what training touches."""

import copy
from collections.abc import Callable

import pytest
import torch
from mmengine.runner.checkpoint import load_state_dict
from mmpose.registry import MODELS

from tests.conftest import BACKBONE
from tests.test_models.estimators import TEXT_PROMPTS, build, train
from vlpose_mm.datasets.scenarios import DEFAULT_TEXT_PROMPT


def test_a_prediction_is_the_same_alone_and_in_any_batch(
    vlpose_cfg: dict, make_sample: Callable
) -> None:
    model = build(vlpose_cfg).eval()
    images = torch.randn(3, 3, 128, 96)
    samples = [make_sample(text_prompt) for text_prompt in TEXT_PROMPTS]
    with torch.no_grad():
        together = model(images, samples)
        for i in (0, 1, 2):
            alone = model(images[i : i + 1], samples[i : i + 1])[0]
            torch.testing.assert_close(together[i], alone, atol=1e-5, rtol=1e-5)
        model.text_encoder._cache.clear()
        torch.testing.assert_close(model(images, samples), together, atol=0, rtol=0)


def test_the_text_prompt_changes_the_prediction(
    vlpose_cfg: dict, make_sample: Callable
) -> None:
    model = build(vlpose_cfg).eval()
    image = torch.randn(1, 3, 128, 96)
    first, second = (model(image, [make_sample(s)]) for s in TEXT_PROMPTS[:2])
    assert (first - second).abs().max() > 1e-3


def test_a_sample_without_text_gets_the_default_text_prompt_and_a_warning(
    vlpose_cfg: dict, make_sample: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = []
    monkeypatch.setattr(
        'vlpose_mm.models.pose_estimators.vlpose.print_log',
        lambda text, **_: said.append(text),
    )
    model = build(vlpose_cfg).eval()
    image = torch.randn(1, 3, 128, 96)
    expected = model(image, [make_sample(DEFAULT_TEXT_PROMPT)])
    assert not said
    assert torch.equal(model(image, [make_sample()]), expected)
    assert torch.equal(model(image), expected)
    assert len(said) == 1 and 'AssignTextPrompt' in said[0]


@pytest.mark.parametrize('join_views_up_to', [1, 2])
def test_flip_test_averages_the_image_and_its_mirror_image(
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


def test_training_touches_the_tuned_parts_alone_and_all_of_them(
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


def test_widths_come_from_backbone_and_text_encoder(vlpose_cfg: dict) -> None:
    model = MODELS.build(copy.deepcopy(vlpose_cfg))
    assert model.matcher.text_proj.in_features == 384
    assert model.matcher.q.in_features == BACKBONE['arch']['embed_dims']
    assert model.head.in_channels == 32
    vlpose_cfg['head']['in_channels'] = 64
    said = dict(embed_dims=32, text_dims=384)
    vlpose_cfg['head']['in_channels'] = 32
    vlpose_cfg['matcher'].update(said)
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


def test_says_which_backbones_and_that_no_neck_fit(vlpose_cfg: dict) -> None:
    with pytest.raises(ValueError, match='has no neck.* set neck=None'):
        MODELS.build(dict(vlpose_cfg, neck=dict(type='FPN')))
    vlpose_cfg['backbone'] = dict(type='ResNet', depth=18)
    with pytest.raises(
        ValueError, match="ResNet takes no visual prompts.*'PromptedHRFormer'"
    ):
        MODELS.build(vlpose_cfg)


def test_warns_when_more_of_the_backbone_trains_than_prompts(
    vlpose_cfg: dict, base_cfg: dict, warned: list[str]
) -> None:
    MODELS.build(copy.deepcopy(vlpose_cfg))
    assert not warned
    vlpose_cfg['backbone']['frozen_stages'] = 2
    model = MODELS.build(vlpose_cfg)
    assert len(warned) == 1 and 'original route changes' in warned[0]
    # And still starts from a stock checkpoint.
    weights = build(base_cfg).state_dict()
    load_state_dict(model, weights)
    name = 'backbone.layers.2.ln1.weight'
    assert torch.equal(model.state_dict()[name], weights[name])


def test_the_accuracy_is_computed_from_time_to_time(
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
    first, second = (model(image, [make_sample(s)]) for s in TEXT_PROMPTS[:2])
    assert torch.equal(first, second)
    (sample,) = model.predict(image, [make_sample()])
    assert sample.pred_instances.keypoints.shape == (1, 17, 2)


def test_a_prompt_may_be_several_text_prompts(
    vlpose_cfg: dict, make_sample: Callable
) -> None:
    model = build(vlpose_cfg).eval()
    images = torch.randn(2, 3, 128, 96)
    with torch.no_grad():
        together = model(images, [make_sample(TEXT_PROMPTS), make_sample(TEXT_PROMPTS[0])])
        alone = model(images[1:], [make_sample(TEXT_PROMPTS[0])])
        several = model(images[:1], [make_sample(TEXT_PROMPTS[::-1])])
    torch.testing.assert_close(together[1:], alone, atol=1e-5, rtol=1e-5)
    # Attention knows no order of the words.
    torch.testing.assert_close(together[:1], several, atol=1e-5, rtol=1e-5)


def test_the_text_side_follows_the_estimator_to_half_precision(
    vlpose_cfg: dict, minilm: str, make_sample: Callable
) -> None:
    vlpose_cfg['text_encoder'] = dict(type='TransformersTextEncoder', pretrained=minilm)
    model = build(vlpose_cfg).eval()
    image, samples = torch.randn(1, 3, 128, 96), [make_sample(TEXT_PROMPTS[0])]
    with torch.no_grad():
        expected = model(image, samples)
        model.bfloat16()
        assert model.text_encoder(TEXT_PROMPTS).last_hidden_state.dtype == torch.bfloat16
        got = model(image.bfloat16(), samples)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, expected, atol=0.1, rtol=0.1)
