"""Text encoders: real MiniLM, tiny models of other families, files, and bad input."""

import json
from pathlib import Path

import pytest
import torch
import transformers

from vlpose_mm.models import PrecomputedTextEncoder, TransformersTextEncoder
from vlpose_mm.models.text_encoders import save_text_features

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
    for row, sentence in enumerate([SKETCH, GLASS]):
        with torch.no_grad():
            states = model(**tokenizer(sentence, return_tensors='pt'))[0][0]
        torch.testing.assert_close(text.tokens[row][text.mask[row]], states)
        assert text.mask[row].sum() == len(states)
    assert text.tokens[~text.mask].eq(0).all()


def test_sentences_of_like_meaning_are_close(encoder: TransformersTextEncoder) -> None:
    text = encoder(['a marble statue of a man', 'a stone sculpture', 'two cups of tea'])
    mean = (text.tokens * text.mask[..., None]).sum(1) / text.mask.sum(1, keepdim=True)
    statue, sculpture, tea = torch.nn.functional.normalize(mean, dim=1)
    assert statue @ sculpture > statue @ tea + 0.2


def test_each_sentence_is_encoded_once_and_on_its_own(
    minilm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = TransformersTextEncoder(minilm)
    asked = []
    encode = encoder.encode
    monkeypatch.setattr(
        encoder, 'encode', lambda s, device: asked.append(s) or encode(s, device)
    )
    alone = encoder([SKETCH])
    beside = encoder([GLASS, SKETCH, SKETCH])
    assert asked == [SKETCH, GLASS]
    assert torch.equal(beside.tokens[1][beside.mask[1]], alone.tokens[0])


def test_is_frozen_and_no_part_of_a_checkpoint(
    encoder: TransformersTextEncoder,
) -> None:
    assert not list(encoder.parameters()) and not encoder.state_dict()
    assert not encoder([SKETCH]).tokens.requires_grad


def test_says_when_a_sentence_is_cut(minilm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = []
    monkeypatch.setattr(
        'vlpose_mm.models.text_encoders.print_log', lambda text, **_: said.append(text)
    )
    encoder = TransformersTextEncoder(minilm, max_length=4)
    assert encoder([SKETCH]).tokens.shape == (1, 4, 384)
    assert len(said) == 1 and 'Only the first 4 of 7 tokens' in said[0]


def tiny_bert() -> transformers.PreTrainedModel:
    config = transformers.BertConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    return transformers.BertForMaskedLM(config)


def tiny_blip() -> transformers.PreTrainedModel:
    size = dict(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
    )
    config = transformers.BlipConfig(
        text_config=dict(encoder_hidden_size=16, vocab_size=30524, **size),
        vision_config=dict(image_size=32, **size),
    )
    return transformers.BlipForImageTextRetrieval(config)


def tiny_clip() -> transformers.PreTrainedModel:
    size = dict(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    config = transformers.CLIPConfig(
        text_config=dict(vocab_size=30522, **size),
        vision_config=dict(image_size=32, patch_size=16, **size),
    )
    return transformers.CLIPModel(config)


def tiny_t5() -> transformers.PreTrainedModel:
    config = transformers.T5Config(
        d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2, vocab_size=30522
    )
    return transformers.T5ForConditionalGeneration(config)


@pytest.mark.parametrize('make', [tiny_bert, tiny_blip, tiny_clip, tiny_t5])
def test_reads_the_text_side_of_any_family(
    make: callable, minilm: str, tmp_path: Path
) -> None:
    model = make().eval()
    model.save_pretrained(tmp_path)
    transformers.BertTokenizerFast.from_pretrained(minilm).save_pretrained(tmp_path)
    encoder = TransformersTextEncoder(str(tmp_path))
    assert encoder.embed_dims == 16
    text = encoder([SKETCH])
    side = {
        tiny_bert: lambda: model.bert,
        tiny_blip: lambda: model.text_encoder,
        tiny_clip: lambda: model.text_model,
        tiny_t5: lambda: model.encoder,
    }[make]()
    batch = encoder.tokenizer(SKETCH, return_tensors='pt')
    with torch.no_grad():
        states = side(batch['input_ids'], batch['attention_mask']).last_hidden_state
    torch.testing.assert_close(text.tokens, states)
    assert text.tokens.std() > 0


def test_refuses_a_folder_that_lacks_weights(minilm: str, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    model = tiny_bert()
    model.save_pretrained(tmp_path)
    transformers.BertTokenizerFast.from_pretrained(minilm).save_pretrained(tmp_path)
    weights = load_file(tmp_path / 'model.safetensors')
    name = next(k for k in weights if 'attention.self.query.weight' in k)
    del weights[name]
    save_file(weights, tmp_path / 'model.safetensors', metadata=dict(format='pt'))
    with pytest.raises(ValueError, match='lacks weights of its text side'):
        TransformersTextEncoder(str(tmp_path))


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


def test_precomputed_features_equal_the_encoders(
    encoder: TransformersTextEncoder, tmp_path: Path
) -> None:
    path = str(tmp_path / 'text.pth')
    save_text_features(path, encoder, [SKETCH, GLASS, SKETCH])
    precomputed = PrecomputedTextEncoder(path)
    assert precomputed.embed_dims == 384
    for got, want in zip(
        precomputed([GLASS, SKETCH]), encoder([GLASS, SKETCH]), strict=True
    ):
        assert torch.equal(got, want)


def test_an_unknown_sentence_is_refused_with_what_is_there(
    encoder: TransformersTextEncoder, tmp_path: Path
) -> None:
    path = str(tmp_path / 'text.pth')
    save_text_features(path, encoder, [SKETCH])
    with pytest.raises(ValueError) as error:
        PrecomputedTextEncoder(path)([GLASS])
    assert GLASS in str(error.value) and SKETCH in str(error.value)
    assert path in str(error.value)


def test_refuses_files_that_hold_no_features(tmp_path: Path) -> None:
    path = tmp_path / 'text.pth'
    with pytest.raises(FileNotFoundError, match='precompute_text'):
        PrecomputedTextEncoder(str(path))
    mixed = dict(sentences=['a', 'b'], tokens=[torch.ones(2, 3), torch.ones(2, 4)])
    for content in (dict(state_dict={}), dict(sentences=[], tokens=[]), mixed):
        torch.save(content, path)
        with pytest.raises(ValueError, match='holds no text features'):
            PrecomputedTextEncoder(str(path))


@pytest.mark.parametrize('sentences', [[], [''], ['a cat', ' '], [None]])
def test_refuses_empty_sentences(encoder: TransformersTextEncoder, sentences: list) -> None:
    with pytest.raises(ValueError, match='empty|must be text'):
        encoder(sentences)
