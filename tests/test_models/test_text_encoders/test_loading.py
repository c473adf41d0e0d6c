"""Folders that hold no text model, or only part of one."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import transformers
from safetensors.torch import load_file, save_file

from tests.test_models.test_text_encoders.text_families import SIZE, VISION
from vlpose_mm.models import TransformersTextEncoder


@pytest.mark.parametrize('name', ['bert', 'blip', 't5', 'clip without projection'])
def test_pooled_is_refused_where_there_is_none(
    name: str, families: Callable, tmp_path: Path
) -> None:
    folder = str(tmp_path)
    if name == 'clip without projection':
        config = families('clip').model.text_model.config
        transformers.CLIPTextModel(config).save_pretrained(folder)
        families('clip').tokenizer.save_pretrained(folder)
        assert TransformersTextEncoder(folder)(['a person']).last_hidden_state.std() > 0
        with pytest.raises(ValueError, match="Unknown tokens 'cls'.*'all', 'pooled'"):
            TransformersTextEncoder(folder, tokens='cls')
    else:
        folder = families(name).folder
    with pytest.raises(ValueError, match="no pooled embedding.*use tokens='all'"):
        TransformersTextEncoder(folder, tokens='pooled')


@pytest.mark.parametrize(
    ('name', 'error'),
    [
        ('vit', 'which has no text encoder'),
        ('clip', 'which has no text encoder'),
        ('vilt', 'a ViltModel, which cannot read text alone'),
    ],
)
def test_refuses_a_model_that_reads_no_text_alone(
    name: str, error: str, families: Callable, tmp_path: Path
) -> None:
    vision = families('clip').model.vision_model.config
    make = dict(
        vit=lambda: transformers.ViTForImageClassification(
            transformers.ViTConfig(**VISION)
        ),
        clip=lambda: transformers.CLIPVisionModel(vision),
        vilt=lambda: transformers.ViltModel(
            transformers.ViltConfig(image_size=32, patch_size=16, **SIZE)
        ),
    )
    make[name]().save_pretrained(tmp_path)
    if name == 'vilt':
        families('bert').tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=error):
        TransformersTextEncoder(str(tmp_path))


@pytest.mark.parametrize(
    ('name', 'lacking', 'tokens'),
    [
        ('bert', 'attention.self.query.weight', 'all'),
        ('clip', 'text_projection.weight', 'pooled'),
        ('siglip', 'text_model.head.weight', 'pooled'),
    ],
)
def test_refuses_a_folder_that_lacks_weights(
    name: str, lacking: str, tokens: str, families: Callable, tmp_path: Path
) -> None:
    families(name).save(tmp_path)
    weights = load_file(tmp_path / 'model.safetensors')
    del weights[next(k for k in weights if lacking in k)]
    save_file(weights, tmp_path / 'model.safetensors', metadata=dict(format='pt'))
    with pytest.raises(ValueError, match='lacks weights of its text side'):
        TransformersTextEncoder(str(tmp_path), tokens=tokens)


def test_one_clear_error_where_there_is_no_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The library read the environment when it was imported.
    monkeypatch.setattr('huggingface_hub.constants.HF_HUB_OFFLINE', True)
    (tmp_path / 'notes.txt').write_text('no model')
    for name in (str(tmp_path), 'nobody/no-such-model'):
        with pytest.raises(OSError, match='Cannot load the text model') as error:
            TransformersTextEncoder(name)
        assert name in str(error.value) and 'PrecomputedTextEncoder' in str(error.value)


def test_never_runs_code_that_a_model_folder_brings(tmp_path: Path) -> None:
    canary = tmp_path / 'canary'
    code = f'open({str(canary)!r}, "w").close()\nclass Evil: pass\n'
    (tmp_path / 'evil.py').write_text(code)
    auto_map = dict(AutoConfig='evil.Evil', AutoModel='evil.Evil')
    config = json.dumps(dict(model_type='evil', auto_map=auto_map))
    (tmp_path / 'config.json').write_text(config)
    with pytest.raises(OSError, match='Cannot load the text model'):
        TransformersTextEncoder(str(tmp_path))
    assert not canary.exists()
