"""Text models of every family against the library's own."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import transformers

from tests.test_models.test_text_encoders.text_families import (
    LENGTH,
    LETTERS,
    SIZE,
    TOKENIZERS,
    Family,
    tiny_clip,
    tiny_clip_text,
    tiny_old_clip,
    tiny_siglip,
    tiny_t5,
    word_pieces,
)
from vlpose_mm.models import TransformersTextEncoder

SKETCH = 'a sketch of a person'


@pytest.mark.parametrize('make', TOKENIZERS)
def test_reads_the_text_side_of_any_family(make: Callable, families: Callable) -> None:
    family = families(make)
    encoder = TransformersTextEncoder(family.folder)
    assert encoder.embed_dims == 16
    text = encoder(['a person', 'a cat of a person', 'a person'])
    assert text.index.tolist() == [0, 1, 0]
    for row, text_prompt in enumerate(['a person', 'a cat of a person']):
        states = family.states(text_prompt)[0]
        assert text.attention_mask[row].sum() == len(states) > 2
        torch.testing.assert_close(
            text.last_hidden_state[row][text.attention_mask[row]], states
        )
        assert states.std() > 0
    assert text.last_hidden_state[~text.attention_mask].eq(0).all()


@pytest.mark.parametrize('make', [tiny_clip, tiny_old_clip, tiny_clip_text, tiny_siglip])
def test_pooled_is_the_one_contrastive_embedding(
    make: Callable, families: Callable
) -> None:
    family = families(make)
    encoder = TransformersTextEncoder(family.folder, tokens='pooled')
    # CLIP's text model alone is projected to 512.
    width = {tiny_clip_text: 512, tiny_siglip: 20}.get(make, 12)
    assert encoder.embed_dims == width
    text = encoder(['a person', 'a cat of a person'])
    want = torch.stack([family.states(s)[1] for s in ('a person', 'a cat of a person')])
    assert text.last_hidden_state.shape == (2, 1, width) and text.attention_mask.all()
    torch.testing.assert_close(text.last_hidden_state, want)


@pytest.mark.parametrize('make', TOKENIZERS)
def test_a_batch_of_text_prompts_equals_each_alone(
    make: Callable, families: Callable
) -> None:
    text_prompts = [f'a {"x" * (i % 4 + 1)} of person {c}' for i, c in enumerate(LETTERS)]
    folder = families(make).folder
    together = TransformersTextEncoder(folder)(text_prompts)
    alone = TransformersTextEncoder(folder)
    for row, text_prompt in enumerate(text_prompts):
        states = alone([text_prompt]).last_hidden_state[0]
        got = together.last_hidden_state[row][together.attention_mask[row]]
        torch.testing.assert_close(got, states, atol=1e-5, rtol=0)


def words_in_front(family: Family, tokens: str) -> tuple[TransformersTextEncoder, str]:
    """An encoder whose context is set to real words, and these words."""
    words = 'of person'
    ids = family.tokenizer(words, add_special_tokens=False)['input_ids']
    table = family.side.get_input_embeddings().weight.detach()
    encoder = TransformersTextEncoder(family.folder, tokens=tokens, context_tokens=len(ids))
    encoder.load_state_dict(dict(context=table[ids].clone()))
    return encoder, words


@pytest.mark.parametrize('tokens', ['all', 'pooled'])
@pytest.mark.parametrize('make', TOKENIZERS)
def test_context_of_real_words_equals_a_text_prompt_of_them(
    make: Callable, tokens: str, families: Callable
) -> None:
    family = families(make)
    if family.states('a')[1] is None:
        tokens = 'all'
    encoder, words = words_in_front(family, tokens)
    for text_prompt in ('a cat', 'a person x'):
        want = family.states(f'{words} {text_prompt}')[tokens == 'pooled']
        got = encoder([text_prompt])
        torch.testing.assert_close(got.last_hidden_state[0], want, atol=1e-5, rtol=1e-5)
        assert got.attention_mask.all() and got.last_hidden_state.requires_grad


@pytest.mark.parametrize('make', TOKENIZERS)
def test_the_gradient_reaches_the_context_alone(make: Callable, families: Callable) -> None:
    encoder = TransformersTextEncoder(families(make).folder, context_tokens=3)
    assert list(encoder.state_dict()) == ['context']
    assert encoder.context.shape == (3, 16)
    text = encoder(['a person', 'a cat'])
    text.last_hidden_state.square().sum().backward()
    assert encoder.context.grad.abs().min() > 0
    weights = encoder._model.word_embedding.parameters()
    assert not any(p.requires_grad or p.grad is not None for p in weights)
    assert not encoder._model.word_embedding._forward_hooks


def test_a_context_of_another_width_fits_its_own_word_embeddings(
    minilm: str, tmp_path: Path
) -> None:
    config = transformers.AlbertConfig(vocab_size=30522, embedding_size=8, **SIZE)
    transformers.AlbertModel(config).save_pretrained(tmp_path)
    word_pieces(minilm).save_pretrained(tmp_path)
    encoder = TransformersTextEncoder(str(tmp_path), context_tokens=2)
    assert encoder.context.shape == (2, 8)
    assert encoder([SKETCH]).last_hidden_state.shape == (1, 9, 16)


@pytest.mark.parametrize('make', [tiny_clip, tiny_siglip])
def test_the_models_own_limit_cuts_and_keeps_the_end(
    make: Callable, families: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = []
    monkeypatch.setattr(
        'vlpose_mm.models.text_encoders.language_model.print_log',
        lambda text, **_: said.append(text),
    )
    family = families(make)
    encoder = TransformersTextEncoder(family.folder, context_tokens=2)
    for _ in range(2):
        text = encoder(['x y ' * 20])
    assert text.last_hidden_state.shape == (1, LENGTH, 16)
    assert len(said) == 1 and f'Only the first {LENGTH - 2} of' in said[0]
    ids = encoder._model.tokenize('x y ' * 20, LENGTH - 2)
    assert ids[-1] == family.tokenizer.eos_token_id


def test_says_what_of_a_text_prompt_is_cut(
    minilm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = []
    monkeypatch.setattr(
        'vlpose_mm.models.text_encoders.language_model.print_log',
        lambda text, **_: said.append(text),
    )
    encoder = TransformersTextEncoder(minilm, max_length=4)
    assert encoder([SKETCH]).last_hidden_state.shape == (1, 4, 384)
    assert "4 of 7 tokens are read: 'a sketch', and not 'of a person'" in said[0]
    assert encoder.unread(SKETCH) == 'of a person' and not encoder.unread('a sketch')
    encoder([f'a mural of person {number}' for number in range(20)])
    assert len(said) == 10 and said[-1].endswith('Others are cut in silence.')


@pytest.mark.parametrize('make', [tiny_t5, tiny_clip])
def test_what_is_read_and_what_is_not_make_the_text_prompt(
    make: Callable, families: Callable
) -> None:
    encoder = TransformersTextEncoder(families(make).folder, max_length=6)
    text_prompt = 'a photo of a bronze statue of a person'
    unread = encoder.unread(text_prompt)
    assert unread and text_prompt.endswith(unread)
    assert not encoder.unread(text_prompt.removesuffix(unread).rstrip())


@pytest.mark.parametrize(
    'kwargs',
    [
        dict(max_length=0),
        dict(max_length=2),
        dict(context_tokens=-1),
        dict(context_tokens=22),
    ],
)
def test_refuses_lengths_that_leave_no_words(kwargs: dict, families: Callable) -> None:
    with pytest.raises(ValueError, match='max_length|context_tokens must be'):
        TransformersTextEncoder(families(tiny_clip).folder, **kwargs)
