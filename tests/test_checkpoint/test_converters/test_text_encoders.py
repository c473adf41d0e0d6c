"""ALBEF's text side, and BLIP's in a released checkpoint."""

from pathlib import Path

import pytest
import torch

from tests.test_checkpoint.test_converters.library import albef, blip_text, lavis_names
from vlpose_mm.checkpoint.converters.text_encoders import (
    add_blip_tokens,
    albef_text_model,
    blip_text_model,
    has_blip_text,
)
from vlpose_mm.checkpoint.converters.text_folder import write_text_folder
from vlpose_mm.models import TransformersTextEncoder
from vlpose_mm.models.text_encoders.loading import load_tokenizer

TEXT_PROMPT = 'an oil painting of a person'
NUM_ROWS = 30524


def test_the_folder_of_blip_gives_the_states_of_the_text_model(
    minilm: str, tmp_path: Path
) -> None:
    blip, tokenizer = blip_text(), load_tokenizer(minilm)
    for rows in (100, NUM_ROWS + 1):
        with pytest.raises(ValueError, match=f'tokens, but there are {rows} word'):
            add_blip_tokens(load_tokenizer(minilm), rows)
    add_blip_tokens(tokenizer, len(tokenizer))
    assert len(tokenizer) == 30522
    add_blip_tokens(tokenizer, NUM_ROWS)
    assert tokenizer.convert_tokens_to_ids(['[DEC]', '[ENC]']) == [30522, 30523]
    folder = str(tmp_path / 'blip')
    write_text_folder(blip_text_model(lavis_names(blip)), tokenizer, folder)
    found = TransformersTextEncoder(folder)([TEXT_PROMPT])
    ids = load_tokenizer(minilm)(TEXT_PROMPT, return_tensors='pt')['input_ids']
    with torch.no_grad():
        expected = blip(ids).last_hidden_state
    torch.testing.assert_close(found.last_hidden_state, expected)


def test_albef_becomes_its_first_six_layers(minilm: str) -> None:
    bert, checkpoint = albef()
    ids = load_tokenizer(minilm)(TEXT_PROMPT, return_tensors='pt')
    with torch.no_grad():
        states = bert.bert(**ids, output_hidden_states=True).hidden_states
        found = albef_text_model(checkpoint)(**ids).last_hidden_state
    torch.testing.assert_close(found, states[6])
    assert not torch.allclose(found, states[12], atol=0.1)


def test_another_or_incomplete_text_encoder_is_refused() -> None:
    for convert, weights, prefix in (
        (albef_text_model, albef()[1], 'text_encoder.bert.'),
        (blip_text_model, lavis_names(blip_text()), 'text_encoder.text_encoder.'),
    ):
        for name in (
            'encoder.layer.1.output.dense.bias',
            'embeddings.position_embeddings.weight',
        ):
            rest = {k: v for k, v in weights.items() if k != f'{prefix}{name}'}
            with pytest.raises(ValueError, match=f'is not a .*{name}'):
                convert(rest)
    clip = {'text_encoder.token_embedding.weight': torch.ones(1)}
    assert has_blip_text(weights) and not has_blip_text(clip)
    with pytest.raises(ValueError, match='holds no text encoder of BLIP'):
        blip_text_model(clip)
    with pytest.raises(ValueError, match='is not a checkpoint of ALBEF'):
        albef_text_model(clip)
