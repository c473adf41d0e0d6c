"""BLIP's text side out of a released checkpoint."""

from pathlib import Path

import pytest
import torch
import transformers

from tests.test_checkpoint.test_converters.library import blip_text, lavis_names
from vlpose_mm.checkpoint.converters.blip_text import (
    add_blip_tokens,
    blip_text_model,
    has_blip_text,
)
from vlpose_mm.checkpoint.text_model_folder import write_text_folder
from vlpose_mm.models import TransformersTextEncoder
from vlpose_mm.models.text_encoders.loading import load_tokenizer

TEXT_PROMPT = 'an oil painting of a person'
ROWS = 30524


def test_the_folder_gives_the_states_of_the_text_model_in_the_file(
    minilm: str, tmp_path: Path
) -> None:
    blip = blip_text()
    released = lavis_names(blip)
    assert has_blip_text(released)
    tokenizer = load_tokenizer(minilm)
    add_blip_tokens(tokenizer, ROWS)
    assert tokenizer.convert_tokens_to_ids(['[DEC]', '[ENC]']) == [30522, 30523]
    folder = str(tmp_path / 'blip')
    write_text_folder(blip_text_model(released), tokenizer, folder)
    found = TransformersTextEncoder(folder)([TEXT_PROMPT])
    ids = transformers.BertTokenizer.from_pretrained(minilm)(
        TEXT_PROMPT, return_tensors='pt'
    )
    with torch.no_grad():
        expected = blip(**ids).last_hidden_state
    torch.testing.assert_close(found.last_hidden_state, expected)


def test_refuses_another_text_encoder_and_an_incomplete_one() -> None:
    released = lavis_names(blip_text())
    assert not has_blip_text({'text_encoder.token_embedding.weight': torch.ones(1)})
    with pytest.raises(ValueError, match='holds no text encoder of BLIP'):
        blip_text_model({'text_encoder.token_embedding.weight': torch.ones(1)})
    for name in (
        'encoder.layer.1.output.dense.bias',
        'embeddings.position_embeddings.weight',
    ):
        rest = dict(released)
        del rest[f'text_encoder.text_encoder.{name}']
        with pytest.raises(ValueError, match=f'is no text side of BLIP: .*{name}'):
            blip_text_model(rest)


def test_refuses_a_tokenizer_of_another_size(minilm: str) -> None:
    for rows in (100, ROWS + 1):
        with pytest.raises(ValueError, match=f'tokens, but there are {rows} word'):
            add_blip_tokens(load_tokenizer(minilm), rows)
    tokenizer = load_tokenizer(minilm)
    add_blip_tokens(tokenizer, len(tokenizer))
    assert len(tokenizer) == 30522
