"""RelationMatcher against the method's equation."""

from itertools import product

import pytest
import torch
from torch import Tensor

from vlpose_mm.models import RelationMatcher
from vlpose_mm.models.text_encoders import TextFeatures

VARIANTS = ['joint', 'cross', 'cosine']


def make(text_dims: int | None = 12, **kwargs) -> RelationMatcher:
    matcher = RelationMatcher(embed_dims=16, text_dims=text_dims, num_heads=2, **kwargs)
    for param in matcher.parameters():
        torch.nn.init.normal_(param.data, std=0.5)
    return matcher.eval()


def text_of(lengths: list[int], index: list[int], text_dims: int = 12) -> TextFeatures:
    """Random token states of text prompts of these lengths, padded with large numbers."""
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]  # U, L
    states = torch.randn(*mask.shape, text_dims).masked_fill(~mask[..., None], 1e3)
    return TextFeatures(states, mask, torch.tensor(index))


def equation(
    matcher: RelationMatcher, feature_map: Tensor, tokens: Tensor
) -> tuple[Tensor, Tensor]:
    """R of one image, C x h x w, and its weights of tokens L x D: heads x L x h x w."""
    w = matcher.state_dict()

    def linear(x: Tensor, name: str) -> Tensor:
        return x @ w[f'{name}.weight'].T + w[f'{name}.bias']

    x = feature_map.flatten(1).T  # hw, C
    if 'text_proj.weight' in w:
        tokens = linear(tokens, 'text_proj')
    if matcher.variant == 'cosine' and len(tokens):
        tokens = tokens * torch.stack([(x * token).sum(0) for token in tokens])
    keys = tokens if matcher.variant == 'cross' else torch.cat([x, tokens])
    q, k, v = linear(x, 'q'), linear(keys, 'k'), linear(keys, 'v')
    heads, maps = [], []
    for s in (slice(0, 8), slice(8, 16)):
        weights = (q[:, s] @ k[:, s].T / 8**0.5).softmax(-1)  # hw, N
        heads.append(weights @ v[:, s])
        of_tokens = weights[:, len(keys) - len(tokens) :].T
        maps.append(of_tokens.reshape(-1, *feature_map.shape[1:]))
    y = linear(torch.cat(heads, dim=1), 'proj') + x
    y = (y - y.mean(1, keepdim=True)) / (y.var(1, correction=0, keepdim=True) + 1e-5).sqrt()
    y = y * w['norm.weight'] + w['norm.bias']
    return y.T.reshape(feature_map.shape), torch.stack(maps)


@pytest.mark.fast
@pytest.mark.parametrize(
    ('text_dims', 'variant'),
    [*product((12, 16), VARIANTS), (None, 'joint'), (None, 'cosine')],
)
def test_relation_and_weights_equal_the_equation(
    text_dims: int | None, variant: str
) -> None:
    matcher = make(text_dims, variant=variant)
    text = None if text_dims is None else text_of([5, 2, 7], [1, 0, 1, 2], text_dims)
    feature_map = torch.randn(4, 16, 4, 3)
    relation = matcher(feature_map, text)
    with_weights, weights = matcher(feature_map, text, need_weights=True)
    torch.testing.assert_close(with_weights, relation, atol=1e-6, rtol=1e-5)
    assert weights.shape == (4, 2, 0 if text is None else 7, 4, 3)
    for sample in range(4):
        tokens = torch.empty(0, 16)
        if text is not None:
            row = text.index[sample]
            tokens = text.last_hidden_state[row][text.attention_mask[row]]
        want, want_weights = equation(matcher, feature_map[sample], tokens)
        torch.testing.assert_close(relation[sample], want, atol=1e-5, rtol=1e-5)
        got = weights[sample, :, : len(tokens)]
        torch.testing.assert_close(got, want_weights, atol=1e-5, rtol=1e-4)
        assert weights[sample, :, len(tokens) :].eq(0).all()


def test_drops_attention_in_training_alone_and_never_in_the_weights() -> None:
    matcher, text, feature_map = make(), text_of([5], [0]), torch.randn(1, 16, 4, 3)
    assert torch.equal(matcher(feature_map, text), matcher(feature_map, text))
    matcher.train()
    assert not torch.equal(matcher(feature_map, text), matcher(feature_map, text))
    first, second = (matcher(feature_map, text, need_weights=True) for _ in range(2))
    assert not torch.equal(first[0], second[0]) and torch.equal(first[1], second[1])


def test_refuses_bad_arguments_and_checkpoints_of_another_width() -> None:
    for kwargs, error in (
        (dict(text_dims=None, variant='cross'), "'cross' attends to text alone"),
        (dict(variant='dot'), r"'dot'; choose one of .'joint', 'cross', 'cosine'"),
        (dict(num_heads=3), 'num_heads=3 does not divide'),
    ):
        with pytest.raises(ValueError, match=error):
            RelationMatcher(**dict(embed_dims=16, text_dims=12) | kwargs)
    for tuned, now, fault in ((12, 16, 'has no place'), (16, 12, 'is missing')):
        weights = make(tuned).state_dict()
        with pytest.raises(ValueError, match=f'text_proj.weight {fault}'):
            make(now).load_state_dict(weights)


@pytest.mark.parametrize('variant', ['joint', 'cross'])
def test_a_token_that_counts_twice_is_attended_to_as_two_of_the_same(variant: str) -> None:
    matcher, feature_map = make(variant=variant), torch.randn(2, 16, 4, 3)
    text = text_of([3, 2], [1, 0])
    shares = torch.tensor([[1.0, 2, 1], [2, 2, 0]])
    text = text._replace(shares=shares)
    relation, weights = matcher(feature_map, text, need_weights=True)
    torch.testing.assert_close(matcher(feature_map, text), relation, atol=1e-6, rtol=1e-5)
    states = text.last_hidden_state
    for sample, tokens in enumerate([states[1][[0, 0, 1, 1]], states[0][[0, 1, 1, 2]]]):
        want, want_weights = equation(matcher, feature_map[sample], tokens)
        torch.testing.assert_close(relation[sample], want, atol=1e-5, rtol=1e-5)
        found = weights[sample].sum(1)
        torch.testing.assert_close(found, want_weights.sum(1), atol=1e-5, rtol=1e-4)
