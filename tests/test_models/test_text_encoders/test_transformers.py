"""TransformersTextEncoder: every family of text models against the library's own."""

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import transformers
from torch import Tensor, nn

from tests.test_models.test_text_encoders.text_families import (
    FAMILIES,
    LENGTH,
    LETTERS,
    POOLED,
    SIZE,
)
from vlpose_mm.models import TransformersTextEncoder

SKETCH, GLASS = 'a sketch of a person', 'a stained glass picture of a very tall person'


def states_of(encoder: TransformersTextEncoder, text: str) -> Tensor:
    """Token states of a text, L x D."""
    return encoder([text]).last_hidden_state[0]


@pytest.mark.parametrize('name', FAMILIES)
def test_reads_the_text_side_of_any_family_alone_and_in_a_batch(
    name: str, families: Callable
) -> None:
    encoder = TransformersTextEncoder(families(name).folder)
    assert encoder.embed_dims == 16
    texts = [f'a {"x" * (i % 4 + 1)} of person {c}' for i, c in enumerate(LETTERS)]
    text_feats = encoder(texts)
    for row, text in enumerate(texts):
        want = families(name).states(text)[0]
        got = text_feats.last_hidden_state[row][text_feats.attention_mask[row]]
        assert len(got) == len(want) > 2 and want.std() > 0
        torch.testing.assert_close(got, want, atol=1e-5, rtol=0)


@pytest.mark.parametrize('name', POOLED)
def test_pooled_is_the_contrastive_embedding(name: str, families: Callable) -> None:
    encoder = TransformersTextEncoder(families(name).folder, tokens='pooled')
    texts = ['a person', 'a cat of a person']
    text_feats = encoder(texts)
    want = torch.stack([families(name).states(text)[1] for text in texts])
    assert want.shape == (2, 1, encoder.embed_dims)
    assert text_feats.attention_mask.all()
    torch.testing.assert_close(text_feats.last_hidden_state, want)


def test_the_real_minilm_knows_meanings(minilm: str) -> None:
    encoder = TransformersTextEncoder(minilm)
    model = transformers.BertModel.from_pretrained(minilm).eval()
    tokenizer = transformers.BertTokenizer.from_pretrained(minilm)
    with torch.no_grad():
        want = model(**tokenizer(SKETCH, return_tensors='pt'))[0][0]
    torch.testing.assert_close(states_of(encoder, SKETCH), want)
    texts = ['a marble statue of a man', 'a stone sculpture', 'two cups of tea']
    means = torch.stack([states_of(encoder, text).mean(0) for text in texts])
    statue, sculpture, tea = nn.functional.normalize(means, dim=1)
    assert statue @ sculpture > statue @ tea + 0.2


@pytest.mark.parametrize(
    ('name', 'tokens'),
    [*((name, 'all') for name in FAMILIES), *((name, 'pooled') for name in POOLED)],
)
def test_a_context_of_real_words_equals_a_text_with_them_and_learns(
    name: str, tokens: str, families: Callable
) -> None:
    family = families(name)
    ids = family.tokenizer('of person', add_special_tokens=False)['input_ids']
    table = next(m for m in family.side.modules() if isinstance(m, nn.Embedding))
    table = table.weight.detach()
    encoder = TransformersTextEncoder(family.folder, tokens=tokens, context_tokens=len(ids))
    assert list(encoder.state_dict()) == ['context']
    encoder.load_state_dict(dict(context=table[ids].clone()))
    for text in ('a cat', 'a person x'):
        want = family.states(f'of person {text}')[tokens == 'pooled']
        states = states_of(encoder, text)
        torch.testing.assert_close(states, want, atol=1e-5, rtol=1e-5)
    states.square().sum().backward()
    assert encoder.context.grad.abs().min() > 0
    embedding = encoder._model.word_embedding
    assert not any(p.requires_grad or p.grad is not None for p in embedding.parameters())
    assert not embedding._forward_hooks


def test_a_context_has_the_width_of_the_token_embeddings(
    families: Callable, tmp_path: Path
) -> None:
    config = transformers.AlbertConfig(vocab_size=30522, embedding_size=8, **SIZE)
    transformers.AlbertModel(config).save_pretrained(tmp_path)
    families('bert').tokenizer.save_pretrained(tmp_path)
    encoder = TransformersTextEncoder(str(tmp_path), context_tokens=2)
    assert encoder.context.shape == (2, 8)
    assert states_of(encoder, SKETCH).shape == (9, 16)


def test_a_context_is_cached_until_it_changes_but_not_while_it_learns(minilm: str) -> None:
    encoder = TransformersTextEncoder(minilm, context_tokens=2)
    calls, encode = [], encoder.encode
    encoder.encode = lambda texts: calls.append(texts) or encode(texts)
    with torch.no_grad():
        states_of(encoder, GLASS)
    for _ in range(2):
        assert states_of(encoder, GLASS).requires_grad
    states_of(encoder, GLASS).sum().backward()
    assert len(calls) == 4 and encoder.context.grad.abs().sum() > 0
    encoder.context.grad = torch.ones(2, 384)
    with torch.no_grad():
        for change in (
            lambda: encoder.load_state_dict(dict(context=torch.ones(2, 384))),
            lambda: encoder.context.data.copy_(torch.zeros(2, 384)),  # As MMEngine's EMA.
            lambda: torch.optim.SGD([encoder.context], lr=1.0).step(),
            lambda: encoder.double(),
        ):
            change()
            calls.clear()
            first, second = states_of(encoder, SKETCH), states_of(encoder, SKETCH)
            assert len(calls) == 1 and torch.equal(first, second)
            fresh = encode([SKETCH])[0]
            assert torch.equal(first, fresh) and not fresh.requires_grad


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_the_language_model_is_frozen_and_follows_the_estimator(
    minilm: str, dtype: torch.dtype
) -> None:
    encoder = TransformersTextEncoder(minilm)
    assert not list(encoder.parameters()) and not encoder.state_dict()
    want = states_of(encoder, SKETCH)
    with torch.autocast('cpu', torch.bfloat16):
        assert torch.equal(states_of(TransformersTextEncoder(minilm), SKETCH), want)
    nn.ModuleDict(dict(text_encoder=encoder)).to(dtype)
    assert encoder._model.word_embedding.weight.dtype == dtype
    got = states_of(encoder, SKETCH)
    assert got.dtype == dtype and not got.requires_grad
    torch.testing.assert_close(got.float(), want, atol=0.05, rtol=0.05)
    assert not torch.equal(got.float(), want)


def test_a_copy_shares_the_language_model_until_it_is_converted(minilm: str) -> None:
    encoder = TransformersTextEncoder(minilm, context_tokens=2)
    other = copy.deepcopy(nn.Sequential(encoder))[0]
    weight = encoder._model.word_embedding.weight
    assert other._model.word_embedding.weight is weight
    assert other.context is not encoder.context
    assert torch.equal(states_of(encoder, SKETCH), states_of(other, SKETCH))
    other.to('cpu')  # Changes nothing and takes no memory.
    assert other._model.word_embedding.weight.data_ptr() == weight.data_ptr()
    other.half()
    assert states_of(other, SKETCH).dtype == torch.float16
    assert encoder._model.word_embedding.weight is weight
    assert weight.dtype == states_of(encoder, GLASS).dtype == torch.float32


@pytest.mark.parametrize('name', ['clip', 'siglip'])
def test_the_limit_of_the_model_cuts_and_keeps_the_end(
    name: str, families: Callable, warned: list[str]
) -> None:
    family = families(name)
    encoder = TransformersTextEncoder(family.folder, context_tokens=2)
    for _ in range(2):
        assert states_of(encoder, 'x y ' * 20).shape == (LENGTH, 16)
    assert len(warned) == 1 and f'Only the first {LENGTH - 2} of' in warned[0]
    ids = encoder._model.tokenize('x y ' * 20, LENGTH - 2)
    assert ids[-1] == family.tokenizer.eos_token_id


def test_says_what_is_cut_and_not_too_often(
    minilm: str, families: Callable, warned: list[str]
) -> None:
    encoder = TransformersTextEncoder(minilm, max_length=4)
    assert states_of(encoder, SKETCH).shape == (4, 384)
    assert "4 of 7 tokens are read: 'a sketch', and not 'of a person'" in warned[0]
    assert encoder.unread(SKETCH) == 'of a person' and not encoder.unread('a sketch')
    encoder([f'a mural of person {number}' for number in range(20)])
    assert len(warned) == 10 and warned[-1].endswith('Others are cut in silence.')
    text = 'a photo of a bronze statue of a person'
    for name in ('t5', 'clip'):
        encoder = TransformersTextEncoder(families(name).folder, max_length=6)
        unread = encoder.unread(text)
        assert unread and text.endswith(unread)
        assert not encoder.unread(text.removesuffix(unread).rstrip())


@pytest.mark.parametrize(
    'kwargs',
    [
        dict(max_length=0),
        dict(max_length=2),
        dict(context_tokens=-1),
        dict(context_tokens=22),
    ],
)
def test_refuses_lengths_without_room_for_words(kwargs: dict, families: Callable) -> None:
    with pytest.raises(ValueError, match='max_length|context_tokens must be'):
        TransformersTextEncoder(families('clip').folder, **kwargs)
