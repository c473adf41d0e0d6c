"""RelationMatcher against the method's equation."""

import pytest
import torch
from torch import Tensor

from vlpose_mm.models import RelationMatcher
from vlpose_mm.models.text_encoders.base import TextFeatures


def make(text_dims: int | None = 12, **kwargs) -> RelationMatcher:
    matcher = RelationMatcher(embed_dims=16, text_dims=text_dims, num_heads=2, **kwargs)
    for param in matcher.parameters():
        torch.nn.init.normal_(param.data, std=0.5)
    return matcher.eval()


def text_prompts(lengths: list[int], index: list[int], text_dims: int = 12) -> TextFeatures:
    """Random token states of text prompts of these lengths, padded with zeros."""
    longest = max(lengths)
    mask = torch.arange(longest) < torch.tensor(lengths)[:, None]
    tokens = torch.randn(len(lengths), longest, text_dims) * mask[..., None]
    return TextFeatures(tokens, mask, torch.tensor(index))


def relation(matcher: RelationMatcher, feature_map: Tensor, words: Tensor) -> Tensor:
    """R of one image, C x h x w, and the words of its text prompt, L x D."""
    w = matcher.state_dict()

    def linear(x: Tensor, name: str) -> Tensor:
        return x @ w[f'{name}.weight'].T + w[f'{name}.bias']

    x = feature_map.flatten(1).T  # hw, C
    if 'text_proj.weight' in w:
        words = linear(words, 'text_proj')
    if matcher.variant == 'cosine' and len(words):
        weights = torch.stack([(x * word).sum(0) for word in words])
        words = words * weights
    read = words if matcher.variant == 'cross' else torch.cat([x, words])
    q, k, v = linear(x, 'q'), linear(read, 'k'), linear(read, 'v')
    heads = [
        (q[:, s] @ k[:, s].T / 8**0.5).softmax(-1) @ v[:, s]
        for s in (slice(0, 8), slice(8, 16))
    ]
    y = linear(torch.cat(heads, dim=1), 'proj') + x
    y = (y - y.mean(1, keepdim=True)) / (
        y.var(1, unbiased=False, keepdim=True) + 1e-5
    ).sqrt()
    y = y * w['norm.weight'] + w['norm.bias']
    return y.T.reshape(feature_map.shape)


@pytest.mark.parametrize('variant', ['joint', 'cross', 'cosine'])
@pytest.mark.parametrize('text_dims', [12, 16])
def test_equals_the_equation_for_every_image_and_its_text_prompt(
    text_dims: int, variant: str
) -> None:
    matcher = make(text_dims, variant=variant)
    text = text_prompts([5, 2, 7], [1, 0, 1, 2], text_dims)
    feature_map = torch.randn(4, 16, 4, 3)
    got = matcher(feature_map, text)
    for sample, text_prompt in enumerate(text.index):
        words = text.last_hidden_state[text_prompt][text.attention_mask[text_prompt]]
        torch.testing.assert_close(
            got[sample],
            relation(matcher, feature_map[sample], words),
            atol=1e-5,
            rtol=1e-5,
        )


def test_text_as_wide_as_the_feature_map_is_not_projected() -> None:
    names = {name.split('.')[0] for name, _ in make(text_dims=16).named_parameters()}
    assert names == {'q', 'k', 'v', 'proj', 'norm'}


@pytest.mark.parametrize('variant', ['joint', 'cosine'])
def test_without_words_patches_attend_to_patches(variant: str) -> None:
    matcher = make(text_dims=None, variant=variant)
    feature_map = torch.randn(2, 16, 4, 3)
    got = matcher(feature_map, None)
    for sample in (0, 1):
        expected = relation(matcher, feature_map[sample], torch.empty(0, 16))
        torch.testing.assert_close(got[sample], expected, atol=1e-5, rtol=1e-5)


def test_cross_attention_refuses_to_go_without_words() -> None:
    with pytest.raises(ValueError, match="'cross' attends to text alone"):
        make(text_dims=None, variant='cross')


def test_an_unknown_variant_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'dot'; choose one of .'joint', 'cross', 'cos"):
        make(variant='dot')


@pytest.mark.parametrize('variant', ['joint', 'cross', 'cosine'])
def test_what_stands_at_padding_does_not_matter(variant: str) -> None:
    matcher = make(variant=variant)
    text = text_prompts([5, 2], [0, 1])
    feature_map = torch.randn(2, 16, 4, 3)
    tokens = text.last_hidden_state.masked_fill(~text.attention_mask[..., None], 1e3)
    torch.testing.assert_close(
        matcher(feature_map, text),
        matcher(feature_map, text._replace(last_hidden_state=tokens)),
    )


def test_drops_attention_in_training_only() -> None:
    matcher = make()
    text = text_prompts([5], [0])
    feature_map = torch.randn(1, 16, 4, 3)
    assert torch.equal(matcher(feature_map, text), matcher(feature_map, text))
    matcher.train()
    assert not torch.equal(matcher(feature_map, text), matcher(feature_map, text))


def test_refuses_heads_that_do_not_divide_the_width() -> None:
    with pytest.raises(ValueError, match='num_heads=3 does not divide'):
        RelationMatcher(embed_dims=16, text_dims=16, num_heads=3)


def test_refuses_a_checkpoint_tuned_with_text_of_another_width() -> None:
    for tuned, now, fault in ((12, 16, 'has no place'), (16, 12, 'is missing')):
        weights = make(text_dims=tuned).state_dict()
        with pytest.raises(ValueError, match=f'text_proj.weight {fault}'):
            make(text_dims=now).load_state_dict(weights)


def attention(matcher: RelationMatcher, feature_map: Tensor, words: Tensor) -> Tensor:
    """Weights of one image, C x h x w, to its words, L x D: heads x L x h x w."""
    w = matcher.state_dict()
    x = feature_map.flatten(1).T  # hw, C
    words = words @ w['text_proj.weight'].T + w['text_proj.bias']
    if matcher.variant == 'cosine':
        words = words * torch.stack([(x * word).sum(0) for word in words])
    read = words if matcher.variant == 'cross' else torch.cat([x, words])
    q = x @ w['q.weight'].T + w['q.bias']
    k = read @ w['k.weight'].T + w['k.bias']
    maps = []
    for s in (slice(0, 8), slice(8, 16)):
        scores = q[:, s] @ k[:, s].T / 8**0.5  # hw, N
        weights = (scores - scores.max(1, keepdim=True).values).exp()
        weights = weights / weights.sum(1, keepdim=True)
        maps.append(weights[:, -len(words) :].T.reshape(-1, *feature_map.shape[1:]))
    return torch.stack(maps)


@pytest.mark.parametrize('variant', ['joint', 'cross', 'cosine'])
def test_attention_to_words_is_the_softmax_of_queries_and_keys(variant: str) -> None:
    matcher = make(variant=variant)
    text = text_prompts([5, 2, 7], [1, 0, 1, 2])
    feature_map = torch.randn(4, 16, 4, 3)
    got = matcher(feature_map, text, need_weights=True)[1]
    assert got.shape == (4, 2, 7, 4, 3)
    for sample, text_prompt in enumerate(text.index):
        count = int(text.attention_mask[text_prompt].sum())
        expected = attention(
            matcher, feature_map[sample], text.last_hidden_state[text_prompt, :count]
        )
        torch.testing.assert_close(got[sample, :, :count], expected, atol=1e-5, rtol=1e-4)
        assert got[sample, :, count:].eq(0).all()
        # What is not paid to words is paid to patches, where those are read.
        paid = got[sample].sum(1)
        if variant == 'cross':
            torch.testing.assert_close(paid, torch.ones_like(paid))
        else:
            assert (paid >= 0).all() and (paid < 1 + 1e-5).all() and paid.mean() < 0.99


@pytest.mark.parametrize('variant', ['joint', 'cross', 'cosine'])
def test_attention_to_words_does_not_depend_on_other_text_prompts(variant: str) -> None:
    matcher = make(variant=variant)
    text = text_prompts([5, 9], [0, 1])
    feature_map = torch.randn(2, 16, 4, 3)
    alone = TextFeatures(
        text.last_hidden_state[:1, :5], text.attention_mask[:1, :5], text.index[:1]
    )
    torch.testing.assert_close(
        matcher(feature_map, text, need_weights=True)[1][:1, :, :5],
        matcher(feature_map[:1], alone, need_weights=True)[1],
        atol=1e-6,
        rtol=1e-5,
    )


def test_attention_to_words_knows_no_dropout() -> None:
    matcher = make().train()
    text, feature_map = text_prompts([5], [0]), torch.randn(1, 16, 4, 3)
    first, second = (matcher(feature_map, text, need_weights=True)[1] for _ in range(2))
    assert torch.equal(first, second)
