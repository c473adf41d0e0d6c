"""Text encoders: the real MiniLM, files, random states, and bad input."""

import copy
from pathlib import Path

import pytest
import torch
import transformers
from mmpose.registry import MODELS
from torch import nn

from vlpose_mm.checkpoint.text_features import encode_text_prompts
from vlpose_mm.models import PrecomputedTextEncoder, TransformersTextEncoder
from vlpose_mm.models.text_encoders import RandomTextEncoder

SKETCH, GLASS = 'a sketch of a person', 'a stained glass picture of a very tall person'


@pytest.fixture(scope='module')
def encoder(minilm: str) -> TransformersTextEncoder:
    return TransformersTextEncoder(minilm)


def test_token_states_are_those_of_the_real_minilm(
    encoder: TransformersTextEncoder, minilm: str
) -> None:
    text = encoder([SKETCH, GLASS, SKETCH])
    assert text.index.tolist() == [0, 1, 0]
    model = transformers.BertModel.from_pretrained(minilm).eval()
    tokenizer = transformers.BertTokenizer.from_pretrained(minilm)
    for row, text_prompt in enumerate([SKETCH, GLASS]):
        with torch.no_grad():
            states = model(**tokenizer(text_prompt, return_tensors='pt'))[0][0]
        torch.testing.assert_close(
            text.last_hidden_state[row][text.attention_mask[row]], states
        )
        assert text.attention_mask[row].sum() == len(states)
    assert text.last_hidden_state[~text.attention_mask].eq(0).all()


def test_text_prompts_of_like_meaning_are_close(encoder: TransformersTextEncoder) -> None:
    text = encoder(['a marble statue of a man', 'a stone sculpture', 'two cups of tea'])
    mean = (text.last_hidden_state * text.attention_mask[..., None]).sum(
        1
    ) / text.attention_mask.sum(1, keepdim=True)
    statue, sculpture, tea = torch.nn.functional.normalize(mean, dim=1)
    assert statue @ sculpture > statue @ tea + 0.2


def test_each_text_prompt_is_encoded_once_and_on_its_own(
    minilm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = TransformersTextEncoder(minilm)
    asked = []
    encode = encoder.encode
    monkeypatch.setattr(encoder, 'encode', lambda s: asked.append(s) or encode(s))
    alone = encoder([SKETCH])
    beside = encoder([GLASS, SKETCH, SKETCH])
    assert asked == [[SKETCH], [GLASS]]
    assert torch.equal(
        beside.last_hidden_state[1][beside.attention_mask[1]], alone.last_hidden_state[0]
    )


def test_is_frozen_and_no_part_of_a_checkpoint(
    encoder: TransformersTextEncoder,
) -> None:
    assert not list(encoder.parameters()) and not encoder.state_dict()
    assert not encoder([SKETCH]).last_hidden_state.requires_grad


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_the_language_model_follows_the_estimator(minilm: str, dtype: torch.dtype) -> None:
    encoder = TransformersTextEncoder(minilm, context_tokens=2)
    estimator = nn.ModuleDict(dict(text_encoder=encoder))
    with torch.no_grad():
        want = encoder([SKETCH]).last_hidden_state
        estimator.to(dtype)
        assert encoder._model.word_embedding.weight.dtype == encoder.context.dtype == dtype
        got = encoder([SKETCH]).last_hidden_state
    assert got.dtype == dtype
    torch.testing.assert_close(got.float(), want, atol=0.05, rtol=0.05)
    assert not torch.equal(got.float(), want)


def test_autocast_does_not_change_what_is_remembered(
    encoder: TransformersTextEncoder, minilm: str
) -> None:
    with torch.autocast('cpu', torch.bfloat16):
        text = TransformersTextEncoder(minilm)([SKETCH])
    assert torch.equal(text.last_hidden_state, encoder([SKETCH]).last_hidden_state)


def test_a_copy_shares_the_language_model_until_it_is_converted(minilm: str) -> None:
    encoder = TransformersTextEncoder(minilm, context_tokens=2)
    other = copy.deepcopy(nn.Sequential(encoder))[0]
    weight = encoder._model.word_embedding.weight
    assert other._model.word_embedding.weight is weight
    assert other.context is not encoder.context
    assert torch.equal(
        encoder([SKETCH]).last_hidden_state, other([SKETCH]).last_hidden_state
    )
    other.to('cpu')  # No change, no memory.
    assert other._model.word_embedding.weight.data_ptr() == weight.data_ptr()
    other.half()
    assert other([SKETCH]).last_hidden_state.dtype == torch.float16
    assert encoder._model.word_embedding.weight is weight
    assert weight.dtype == encoder([GLASS]).last_hidden_state.dtype == torch.float32


def test_states_with_context_are_remembered_until_the_context_changes(minilm: str) -> None:
    encoder = TransformersTextEncoder(minilm, context_tokens=2)
    asked = []
    encode = encoder.encode
    encoder.encode = lambda s: asked.append(s) or encode(s)
    for _ in range(2):
        assert encoder([SKETCH]).last_hidden_state.requires_grad
    assert len(asked) == 2 and not encoder._cache
    changes = [
        lambda: None,
        lambda: encoder.load_state_dict(dict(context=torch.ones(2, 384))),
        lambda: encoder.context.data.copy_(torch.zeros(2, 384)),  # As EMA's hook does.
        lambda: torch.optim.SGD([encoder.context], lr=1.0).step(),
        lambda: encoder.double(),
    ]
    encoder.context.grad = torch.ones(2, 384)
    with torch.no_grad():
        for change in changes:
            change()
            asked.clear()
            first, second = (
                encoder([SKETCH]).last_hidden_state,
                encoder([SKETCH]).last_hidden_state,
            )
            assert len(asked) == 1 and torch.equal(first, second)
            fresh = encode([SKETCH])[0]
            assert torch.equal(first[0], fresh) and not fresh.requires_grad


def test_the_context_goes_on_learning_after_a_validation(minilm: str) -> None:
    encoder = TransformersTextEncoder(minilm, context_tokens=2)
    with torch.no_grad():
        encoder(['a mural of a person'])
    features = encoder(['a mural of a person', 'a sketch of a person'])
    features.last_hidden_state[0].sum().backward()
    assert encoder.context.grad.abs().sum() > 0


def test_context_goes_through_a_checkpoint(minilm: str) -> None:
    trained = TransformersTextEncoder(minilm, context_tokens=2)
    with torch.no_grad():
        trained.context.fill_(0.1)
    estimator = nn.ModuleDict(dict(text_encoder=trained))
    assert list(estimator.state_dict()) == ['text_encoder.context']
    other = TransformersTextEncoder(minilm, context_tokens=2)
    assert not torch.equal(
        other([SKETCH]).last_hidden_state, trained([SKETCH]).last_hidden_state
    )
    other.load_state_dict(trained.state_dict())
    assert torch.equal(
        other([SKETCH]).last_hidden_state, trained([SKETCH]).last_hidden_state
    )


def test_precomputed_features_equal_the_encoders(
    encoder: TransformersTextEncoder, tmp_path: Path
) -> None:
    path = str(tmp_path / 'text.pth')
    torch.save(encode_text_prompts(encoder, [SKETCH, GLASS, SKETCH]), path)
    precomputed = PrecomputedTextEncoder(path)
    assert precomputed.embed_dims == 384
    prompts = [GLASS, [SKETCH, GLASS], SKETCH]
    for got, want in zip(precomputed(prompts), encoder(prompts), strict=True):
        assert torch.equal(got, want)
    mean = PrecomputedTextEncoder(path, combine='mean')([[SKETCH, GLASS]])
    text_prompts = [encoder([s]).last_hidden_state[0].mean(0) for s in (SKETCH, GLASS)]
    torch.testing.assert_close(
        mean.last_hidden_state[0, 0], (text_prompts[0] + text_prompts[1]) / 2
    )
    assert precomputed.half()([SKETCH]).last_hidden_state.dtype == torch.float16


def test_an_unknown_text_prompt_is_refused_with_what_is_there(
    encoder: TransformersTextEncoder, tmp_path: Path
) -> None:
    path = str(tmp_path / 'text.pth')
    text_prompts = [SKETCH, *(f'{i} cats' for i in range(30))]
    torch.save(encode_text_prompts(encoder, text_prompts), path)
    with pytest.raises(ValueError) as error:
        PrecomputedTextEncoder(path)([[SKETCH, GLASS]])
    assert GLASS in str(error.value) and SKETCH in str(error.value)
    assert path in str(error.value) and 'and 11 more' in str(error.value)


def test_refuses_files_that_hold_no_features(tmp_path: Path) -> None:
    path = tmp_path / 'text.pth'
    with pytest.raises(FileNotFoundError, match='precompute_text_features'):
        PrecomputedTextEncoder(str(path))
    mixed = dict(
        text_prompts=['a', 'b'], last_hidden_state=[torch.ones(2, 3), torch.ones(2, 4)]
    )
    for content in (
        dict(state_dict={}),
        dict(text_prompts=[], last_hidden_state=[]),
        mixed,
    ):
        torch.save(content, path)
        with pytest.raises(ValueError, match='holds no text features'):
            PrecomputedTextEncoder(str(path))


def test_fixed_random_states_belong_to_the_text_prompt() -> None:
    cfg = dict(type='RandomTextEncoder', embed_dims=64, num_tokens=3)
    first = MODELS.build(cfg)([SKETCH, [GLASS, SKETCH], SKETCH])
    torch.manual_seed(1)
    second = MODELS.build(cfg)([SKETCH])
    assert first.index.tolist() == [0, 1, 0]
    assert first.attention_mask.sum(1).tolist() == [3, 6]
    assert torch.equal(first.last_hidden_state[0, :3], second.last_hidden_state[0])
    assert torch.equal(first.last_hidden_state[1, 3:], second.last_hidden_state[0])
    assert not torch.equal(first.last_hidden_state[1, :3], second.last_hidden_state[0])
    # The same everywhere and for ever.
    want = torch.tensor([1.1993, -1.3827, -0.0991])
    torch.testing.assert_close(second.last_hidden_state[0, 0, :3], want, atol=1e-4, rtol=0)


def test_fresh_random_states_are_drawn_for_every_sample() -> None:
    encoder = RandomTextEncoder(embed_dims=512, num_tokens=2, fresh=True)
    text = encoder([SKETCH, SKETCH, [GLASS, SKETCH]])
    assert text.index.tolist() == [0, 1, 2]
    assert text.attention_mask.sum(1).tolist() == [2, 2, 4]
    states = text.last_hidden_state[text.attention_mask]
    assert abs(states.mean()) < 0.1 and abs(states.std() - 1) < 0.1
    rows = [*states, *encoder([SKETCH]).last_hidden_state[0]]
    assert torch.corrcoef(torch.stack(rows)).triu(1).abs().max() < 0.3
    torch.manual_seed(3)
    first = encoder([SKETCH]).last_hidden_state
    torch.manual_seed(3)
    assert torch.equal(encoder([SKETCH]).last_hidden_state, first)
    assert not encoder._cache
    mean = RandomTextEncoder(8, num_tokens=2, fresh=True, combine='mean').half()
    assert mean([SKETCH, [GLASS, SKETCH]]).last_hidden_state.shape == (2, 1, 8)
    assert mean([SKETCH]).last_hidden_state.dtype == torch.float16


@pytest.mark.parametrize('kwargs', [dict(embed_dims=0), dict(embed_dims=4, num_tokens=0)])
def test_refuses_random_states_of_no_size(kwargs: dict) -> None:
    with pytest.raises(ValueError, match='must be at least 1'):
        RandomTextEncoder(**kwargs)


@pytest.mark.parametrize('text_prompts', [[], [''], ['a cat', ' '], [None]])
def test_refuses_empty_text_prompts(
    encoder: TransformersTextEncoder, text_prompts: list
) -> None:
    with pytest.raises(ValueError, match='empty|must be text'):
        encoder(text_prompts)
