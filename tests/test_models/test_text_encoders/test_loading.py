"""Folders that hold no text model, or only part of one."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import transformers

from tests.test_models.test_text_encoders.text_families import (
    SIZE,
    VISION,
    tiny_bert,
    tiny_blip,
    tiny_clip,
    tiny_siglip,
    tiny_t5,
)
from vlpose_mm.models import TransformersTextEncoder

SKETCH = 'a sketch of a person'


def test_pooled_is_refused_where_there_is_none(families: Callable, tmp_path: Path) -> None:
    for make in (tiny_bert, tiny_blip, tiny_t5):
        with pytest.raises(ValueError, match="no pooled embedding.*use tokens='all'"):
            TransformersTextEncoder(families(make).folder, tokens='pooled')
    # CLIP's text model alone, without the projection.
    families(tiny_clip).model.text_model.save_pretrained(tmp_path)
    families(tiny_clip).tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="use tokens='all'"):
        TransformersTextEncoder(str(tmp_path), tokens='pooled')
    assert TransformersTextEncoder(str(tmp_path))([SKETCH]).last_hidden_state.std() > 0
    with pytest.raises(ValueError, match="Unknown tokens 'cls'.*'all', 'pooled'"):
        TransformersTextEncoder(str(tmp_path), tokens='cls')


def test_refuses_a_model_without_a_text_side(families: Callable, tmp_path: Path) -> None:
    config = transformers.ViTConfig(**VISION)
    transformers.ViTForImageClassification(config).save_pretrained(tmp_path / 'vit')
    vision = families(tiny_clip).model.vision_model
    transformers.CLIPVisionModel(vision.config).save_pretrained(tmp_path / 'clip')
    for name in ('vit', 'clip'):
        with pytest.raises(ValueError, match='which has no text encoder'):
            TransformersTextEncoder(str(tmp_path / name))


def test_refuses_a_model_that_reads_words_with_images_only(
    minilm: str, tmp_path: Path
) -> None:
    config = transformers.ViltConfig(image_size=32, patch_size=16, **SIZE)
    transformers.ViltModel(config).save_pretrained(tmp_path)
    transformers.AutoTokenizer.from_pretrained(minilm).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match='a ViltModel, which cannot read text alone'):
        TransformersTextEncoder(str(tmp_path))


@pytest.mark.parametrize(
    ('make', 'name', 'tokens'),
    [
        (tiny_bert, 'attention.self.query.weight', 'all'),
        (tiny_clip, 'text_projection.weight', 'pooled'),
        (tiny_siglip, 'text_model.head.weight', 'pooled'),
    ],
)
def test_refuses_a_folder_that_lacks_weights(
    make: Callable, name: str, tokens: str, families: Callable, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    family = families(make)
    family.model.save_pretrained(tmp_path)
    family.tokenizer.save_pretrained(tmp_path)
    weights = load_file(tmp_path / 'model.safetensors')
    del weights[next(k for k in weights if name in k)]
    save_file(weights, tmp_path / 'model.safetensors', metadata=dict(format='pt'))
    with pytest.raises(ValueError, match='lacks weights of its text side'):
        TransformersTextEncoder(str(tmp_path), tokens=tokens)


@pytest.mark.parametrize('case', ['no such name on the hub', 'a folder of other things'])
def test_one_clear_error_where_no_model_is(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('HF_HUB_OFFLINE', '1')
    (tmp_path / 'notes.txt').write_text('no model')
    name = str(tmp_path) if 'folder' in case else 'nobody/no-such-model'
    with pytest.raises(OSError, match='Cannot load the text model') as error:
        TransformersTextEncoder(name)
    assert name in str(error.value) and 'PrecomputedTextEncoder' in str(error.value)


def test_never_runs_code_that_a_model_folder_brings(minilm: str, tmp_path: Path) -> None:
    canary = tmp_path / 'canary'
    folder = tmp_path / 'model'
    folder.mkdir()
    code = f'open({str(canary)!r}, "w").close()\nclass Evil: pass\n'
    (folder / 'evil.py').write_text(code)
    config = dict(
        model_type='evil',
        auto_map=dict(AutoConfig='evil.Evil', AutoModel='evil.Evil'),
    )
    (folder / 'config.json').write_text(json.dumps(config))
    with pytest.raises(OSError, match='Cannot load the text model'):
        TransformersTextEncoder(str(folder))
    assert not canary.exists()
