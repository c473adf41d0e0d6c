"""Attention maps in the predictions of VLPoseEstimator."""

from collections.abc import Callable

import pytest
import torch
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from tests.test_models.estimators import TEXT_PROMPTS, build
from vlpose_mm.datasets.scenarios import DEFAULT_TEXT_PROMPT
from vlpose_mm.models.necks.attention_maps import AttentionMaps
from vlpose_mm.models.text_encoders.base import Word


@pytest.fixture
def told(vlpose_cfg: dict) -> dict:
    """A small VLPose that tells its attention maps."""
    vlpose_cfg['test_cfg']['output_attention_maps'] = True
    return vlpose_cfg


def maps_of(model: nn.Module, images: Tensor, samples: list) -> list[AttentionMaps]:
    with torch.no_grad():
        predicted = model.predict(images, samples)
    return [sample.metainfo['pred_attention_maps'] for sample in predicted]


def by_token(model: nn.Module, image: Tensor, sample: PoseDataSample) -> Tensor:
    """Attention of one image to its tokens, heads x L x h x w."""
    with torch.no_grad():
        feature_map, _ = model.extract_feat(image[None], [sample])
        text = model.text_encoder([sample.metainfo['text_prompt']])
        return model.matcher(feature_map, text, need_weights=True)[1][0]


def test_a_word_has_the_attention_to_all_of_its_tokens(
    told: dict, make_sample: Callable, minilm: str
) -> None:
    told['text_encoder'] = dict(type='TransformersTextEncoder', pretrained=minilm)
    model = build(told).eval()
    image = torch.randn(1, 3, 128, 96)
    # [CLS] an uk ##iy ##o - e print [SEP]
    (maps,) = maps_of(model, image, [make_sample('an ukiyo-e print')])
    tokens = by_token(model, image[0], make_sample('an ukiyo-e print'))
    assert [w.text for w in maps.words] == ['[CLS]', 'an', 'ukiyo-e', 'print', '[SEP]']
    torch.testing.assert_close(maps.weights[:, 2], tokens[:, 2:7].sum(1))
    torch.testing.assert_close(maps.weights[:, 3], tokens[:, 7])
    assert maps.weights.shape == (8, 5, 8, 6)


def test_maps_are_of_the_image_itself_whoever_is_beside_it(
    told: dict, make_sample: Callable
) -> None:
    model = build(told).eval()
    assert told['test_cfg']['flip_test']
    images = torch.randn(3, 3, 128, 96)
    together = maps_of(model, images, [make_sample(s) for s in TEXT_PROMPTS])
    for image, text_prompt, maps in zip(images, TEXT_PROMPTS, together, strict=True):
        (alone,) = maps_of(model, image[None], [make_sample(text_prompt)])
        torch.testing.assert_close(maps.weights, alone.weights, atol=1e-6, rtol=1e-4)
        assert maps.text_prompt == text_prompt and maps.words == alone.words
        tokens = by_token(model, image, make_sample(text_prompt))
        torch.testing.assert_close(maps.weights.sum(1), tokens.sum(1))


@pytest.mark.parametrize('variant', ['joint', 'cross', 'cosine'])
def test_shares_add_up_and_are_compared_with_the_same_for_every_key(
    variant: str, told: dict, make_sample: Callable
) -> None:
    told['matcher']['variant'] = variant
    model = build(told).eval()
    (maps,) = maps_of(model, torch.randn(1, 3, 128, 96), [make_sample(TEXT_PROMPTS[0])])
    count = sum(word.num_tokens for word in maps.words)
    assert maps.num_keys == count + (0 if variant == 'cross' else 8 * 6)
    assert maps.uniform(1) == maps.words[1].num_tokens / maps.num_keys
    shares = maps.shares
    assert sum(shares.values()) == pytest.approx(1)
    assert (shares['patches'] > 1e-4) == (variant != 'cross')
    special = [row for row, word in enumerate(maps.words) if word.special]
    assert [maps.words[row].text for row in special] == ['[CLS]', '[SEP]']
    paid = float(maps.weights[:, special].sum(1).mean())
    assert shares['special'] == pytest.approx(paid)


def test_predictions_are_the_same_with_and_without_maps(
    told: dict, make_sample: Callable
) -> None:
    model = build(told).eval()
    images = torch.randn(2, 3, 128, 96)
    with torch.no_grad():
        got = model.predict(images, [make_sample(s) for s in TEXT_PROMPTS[:2]])
        model.test_cfg['output_attention_maps'] = False
        plain = model.predict(images, [make_sample(s) for s in TEXT_PROMPTS[:2]])
    for sample, other in zip(got, plain, strict=True):
        assert 'pred_attention_maps' not in other.metainfo
        keypoints = sample.pred_instances.keypoints
        assert (keypoints == other.pred_instances.keypoints).all()


def test_the_original_route_has_no_maps(told: dict, make_sample: Callable) -> None:
    told['test_cfg']['route'] = 'auto'
    model = build(told).eval()
    samples = [make_sample(TEXT_PROMPTS[0]), make_sample()]
    with torch.no_grad():
        tuned, original = model.predict(torch.randn(2, 3, 128, 96), samples)
    assert tuned.metainfo['pred_attention_maps'].text_prompt == TEXT_PROMPTS[0]
    assert 'pred_attention_maps' not in original.metainfo


def test_a_sample_without_text_has_maps_of_the_default_text_prompt(
    told: dict, make_sample: Callable
) -> None:
    (maps,) = maps_of(build(told).eval(), torch.randn(1, 3, 128, 96), [make_sample()])
    assert maps.text_prompt == DEFAULT_TEXT_PROMPT


def test_several_text_prompts_have_maps_one_after_the_other(
    told: dict, make_sample: Callable
) -> None:
    sample = make_sample()
    sample.set_metainfo(dict(text_prompt=TEXT_PROMPTS[:2]))
    model = build(told).eval()
    (maps,) = maps_of(model, torch.randn(1, 3, 128, 96), [sample])
    assert maps.text_prompt == ' / '.join(TEXT_PROMPTS[:2])
    first, second = (model.text_encoder.words(s) for s in TEXT_PROMPTS[:2])
    assert list(maps.words) == first + second
    assert len(maps.find('PERSON')) == 2


@pytest.mark.parametrize(
    ('encoder', 'reads'),
    [
        (None, 'no text'),
        (
            dict(type='RandomTextEncoder', embed_dims=8, fresh=True),
            'other random states in each call',
        ),
    ],
)
def test_a_model_without_words_says_that_it_has_no_maps(
    encoder: dict | None, reads: str, told: dict, make_sample: Callable
) -> None:
    told['text_encoder'] = encoder
    model = build(told).eval()
    with pytest.raises(ValueError, match=f'no attention maps, as the model reads {reads}'):
        model.predict(torch.randn(1, 3, 128, 96), [make_sample(TEXT_PROMPTS[0])])


def test_a_word_that_is_not_there_gets_those_that_are() -> None:
    maps = AttentionMaps('a mural', (Word('a', 1), Word('mural', 2)), None, 3, None, None)
    assert maps.find('Mural') == [1]
    with pytest.raises(ValueError, match=r"'a mural' has no word 'sketch'; it has \['a', "):
        maps.find('sketch')
