"""Attention maps in the predictions of VLPoseEstimator."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from tests.test_models.estimators import TEXT_PROMPTS, build
from vlpose_mm.datasets.scenarios import DEFAULT_TEXT_PROMPT
from vlpose_mm.models.necks.attention_maps import AttentionMaps
from vlpose_mm.models.text_encoders.base import Word


@pytest.fixture
def maps_cfg(vlpose_cfg: dict) -> dict:
    """A small VLPose that outputs its attention maps."""
    vlpose_cfg['test_cfg']['output_attention_maps'] = True
    return vlpose_cfg


@torch.no_grad()
def maps_of(model: nn.Module, image: Tensor, sample: object) -> AttentionMaps:
    """Predict one image."""
    (predicted,) = model.predict(image[None], [sample])
    return predicted.metainfo['pred_attention_maps']


@torch.no_grad()
def by_token(model: nn.Module, image: Tensor, text_prompt: str) -> Tensor:
    """Attention of one image to its tokens, heads x L x h x w."""
    text_feats = model.text_encoder([text_prompt])
    feature_map, _ = model.extract_tuned_feat(image[None], text_feats)
    return model.matcher(feature_map, text_feats, need_weights=True)[1][0]


def test_a_word_has_the_attention_of_all_its_tokens(
    maps_cfg: dict, make_sample: Callable, minilm: str
) -> None:
    maps_cfg['text_encoder'] = dict(type='TransformersTextEncoder', pretrained=minilm)
    model, image = build(maps_cfg).eval(), torch.randn(3, 128, 96)
    # [CLS] an uk ##iy ##o - e print [SEP]
    maps = maps_of(model, image, make_sample('an ukiyo-e print'))
    tokens = by_token(model, image, 'an ukiyo-e print')
    assert [w.text for w in maps.words] == ['[CLS]', 'an', 'ukiyo-e', 'print', '[SEP]']
    torch.testing.assert_close(maps.weights[:, 2], tokens[:, 2:7].sum(1))
    torch.testing.assert_close(maps.weights[:, 3], tokens[:, 7])
    assert maps.weights.shape == (8, 5, 8, 6)


def test_maps_are_of_the_image_itself_in_any_batch_and_change_no_prediction(
    maps_cfg: dict, make_sample: Callable
) -> None:
    model, encoded = build(maps_cfg).eval(), []
    assert maps_cfg['test_cfg']['flip_test']
    images = torch.randn(3, 3, 128, 96)
    model.text_encoder.register_forward_pre_hook(lambda *args: encoded.append(args))
    got = model.predict(images, [make_sample(s) for s in TEXT_PROMPTS])
    assert len(encoded) == 1
    model.test_cfg['output_attention_maps'] = False
    plain = model.predict(images, [make_sample(s) for s in TEXT_PROMPTS])
    model.test_cfg['output_attention_maps'] = True
    for i, text_prompt in enumerate(TEXT_PROMPTS):
        maps = got[i].metainfo['pred_attention_maps']
        alone = maps_of(model, images[i], make_sample(text_prompt))
        torch.testing.assert_close(maps.weights, alone.weights, atol=1e-6, rtol=1e-4)
        assert maps.text_prompt == text_prompt and maps.words == alone.words
        tokens = by_token(model, images[i], text_prompt)
        torch.testing.assert_close(maps.weights.sum(1), tokens.sum(1))
        assert 'pred_attention_maps' not in plain[i].metainfo
        keypoints = got[i].pred_instances.keypoints
        assert (keypoints == plain[i].pred_instances.keypoints).all()


@pytest.mark.parametrize('variant', ['joint', 'cross', 'cosine'])
def test_shares_add_up_and_a_uniform_one_counts_every_key(
    variant: str, maps_cfg: dict, make_sample: Callable
) -> None:
    maps_cfg['matcher']['variant'] = variant
    model = build(maps_cfg).eval()
    maps = maps_of(model, torch.randn(3, 128, 96), make_sample(TEXT_PROMPTS[0]))
    num_tokens = sum(word.num_tokens for word in maps.words)
    assert maps.num_keys == num_tokens + (0 if variant == 'cross' else 8 * 6)
    assert maps.uniform(1) == maps.words[1].num_tokens / maps.num_keys
    shares = maps.shares
    assert sum(shares.values()) == pytest.approx(1)
    assert (shares['patches'] > 1e-4) == (variant != 'cross')
    special = [row for row, word in enumerate(maps.words) if word.special]
    assert [maps.words[row].text for row in special] == ['[CLS]', '[SEP]']
    paid = float(maps.weights[:, special].sum(1).mean())
    assert shares['special'] == pytest.approx(paid)


def test_maps_are_of_the_text_prompts_that_are_read(
    maps_cfg: dict, make_sample: Callable
) -> None:
    model, images = build(maps_cfg).eval(), torch.randn(2, 3, 128, 96)
    maps = maps_of(model, images[0], make_sample())
    assert maps.text_prompt == DEFAULT_TEXT_PROMPT
    # Several texts, one after the other.
    maps = maps_of(model, images[0], make_sample(TEXT_PROMPTS[:2]))
    assert maps.text_prompt == ' / '.join(TEXT_PROMPTS[:2])
    first, second = (model.text_encoder.words(s) for s in TEXT_PROMPTS[:2])
    assert list(maps.words) == first + second
    assert len(maps.find('PERSON')) == 2
    # The original route reads none.
    model.set_route('auto')
    tuned, original = model.predict(images, [make_sample(TEXT_PROMPTS[0]), make_sample()])
    assert tuned.metainfo['pred_attention_maps'].text_prompt == TEXT_PROMPTS[0]
    assert 'pred_attention_maps' not in original.metainfo


RANDOM = dict(type='RandomTextEncoder', embed_dims=8, fresh=True)


@pytest.mark.parametrize(
    ('encoder', 'reads'),
    [(None, 'no text'), (RANDOM, 'other random states in each call')],
)
def test_a_model_without_text_refuses(
    encoder: dict | None, reads: str, maps_cfg: dict, make_sample: Callable
) -> None:
    maps_cfg['text_encoder'] = encoder
    model = build(maps_cfg).eval()
    with pytest.raises(ValueError, match=f'no attention maps, as the model reads {reads}'):
        maps_of(model, torch.randn(3, 128, 96), make_sample(TEXT_PROMPTS[0]))


def test_finds_a_word_or_lists_the_words() -> None:
    maps = AttentionMaps('a mural', (Word('a', 1), Word('mural', 2)), None, 3, None, None)
    assert maps.find('Mural') == [1]
    with pytest.raises(ValueError, match=r"'a mural' has no word 'sketch'; it has \['a', "):
        maps.find('sketch')
