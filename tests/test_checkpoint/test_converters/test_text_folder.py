"""Text models are written as whole folders, and never over existing files."""

from pathlib import Path

import pytest
import transformers

from vlpose_mm.checkpoint.converters.text_folder import write_text_folder


@pytest.fixture
def bert() -> transformers.BertModel:
    sizes = dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2)
    config = transformers.BertConfig(vocab_size=30522, intermediate_size=16, **sizes)
    return transformers.BertModel(config)


def test_an_existing_folder_is_kept_unless_it_is_empty(
    bert: transformers.BertModel, minilm: str, tmp_path: Path
) -> None:
    tokenizer = transformers.BertTokenizer.from_pretrained(minilm)
    folder = tmp_path / 'bert'
    folder.mkdir()
    write_text_folder(bert, tokenizer, str(folder))
    written = sorted(path.name for path in folder.iterdir())
    assert {'config.json', 'model.safetensors', 'tokenizer_config.json'} <= {*written}
    for path, message in (
        (folder, 'is not empty; name a new folder'),
        (folder / 'config.json', 'it is a file; name a folder'),
        (tmp_path / 'no' / 'bert', 'name a folder in an existing folder'),
    ):
        with pytest.raises(OSError, match=message):
            write_text_folder(bert, tokenizer, str(path))
    assert sorted(path.name for path in folder.iterdir()) == written


def test_an_error_while_writing_leaves_nothing(
    bert: transformers.BertModel, tmp_path: Path
) -> None:
    with pytest.raises(AttributeError):
        write_text_folder(bert, None, str(tmp_path / 'bert'))
    assert not list(tmp_path.iterdir())
