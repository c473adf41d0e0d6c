"""python -m vlpose_mm.tools.convert_albef, on a small file in ALBEF's layout."""

import copy
from pathlib import Path

import pytest
import torch
import transformers

from vlpose_mm.models import TransformersTextEncoder
from vlpose_mm.tools.convert_albef import main

TEXT_PROMPT = 'an oil painting of a person'


@pytest.fixture
def bert() -> transformers.BertForMaskedLM:
    """Of 12 layers, the last 6 with cross attention put in below."""
    config = transformers.BertConfig(
        hidden_size=128,
        num_hidden_layers=12,
        num_attention_heads=2,
        intermediate_size=96,
        max_position_embeddings=40,
    )
    return transformers.BertForMaskedLM(config).eval()


@pytest.fixture
def albef(bert: transformers.BertForMaskedLM) -> dict:
    """What ALBEF.pth holds, without the vision side's layers."""
    weights = {f'text_encoder.{k}': v for k, v in bert.state_dict().items()}
    weights['text_encoder.bert.embeddings.position_ids'] = torch.arange(40)[None]
    for i in range(6, 12):
        name = f'text_encoder.bert.encoder.layer.{i}.crossattention.self.query.weight'
        weights[name] = torch.rand(128, 128)
    # The momentum copy, whose names start alike.
    weights |= {k.replace('encoder.', 'encoder_m.', 1): v + 1 for k, v in weights.items()}
    return dict(
        model=weights | {'visual_encoder.cls_token': torch.rand(1, 1, 8), 'temp': 1}
    )


def test_the_folder_is_read_as_the_first_six_layers(
    bert: transformers.BertForMaskedLM,
    albef: dict,
    minilm: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
) -> None:
    torch.save(albef, tmp_path / 'ALBEF.pth')
    out = str(tmp_path / 'albef')
    main([str(tmp_path / 'ALBEF.pth'), out, '--tokenizer', minilm])
    assert '6 layers, 128 wide, 30522 words' in capsys.readouterr().out
    text = TransformersTextEncoder(out)([TEXT_PROMPT])
    ids = transformers.BertTokenizer.from_pretrained(minilm)(
        TEXT_PROMPT, return_tensors='pt'
    )
    with torch.no_grad():
        states = bert.bert(**ids, output_hidden_states=True).hidden_states
    torch.testing.assert_close(text.last_hidden_state, states[6])
    assert not torch.allclose(text.last_hidden_state, states[12], atol=0.1)


def test_refuses_what_is_no_albef(
    albef: dict, minilm: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    lacking = copy.copy(albef['model'])
    del lacking['text_encoder.bert.encoder.layer.5.output.dense.weight']
    cases = {
        'nowhere.pth': None,
        'other.pth': dict(state_dict={}),
        'stock.pth': dict(model=dict(weight=torch.ones(1))),
        'lacking.pth': dict(model=lacking),
        'pickle.pth': dict(model=Path()),
    }
    for name, content in cases.items():
        if content is not None:
            torch.save(content, tmp_path / name)
        with pytest.raises(SystemExit) as exit_info:
            main([str(tmp_path / name), str(tmp_path / 'out'), '--tokenizer', minilm])
        said = capsys.readouterr().err
        assert exit_info.value.code == 2 and name in said
        assert content is None or 'is no checkpoint of ALBEF' in said
        assert name != 'lacking.pth' or 'layer.5.output.dense.weight' in said
    assert not (tmp_path / 'out').exists()


def test_refuses_another_models_tokenizer_and_a_file_as_folder(
    albef: dict, minilm: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    table = 'text_encoder.bert.embeddings.word_embeddings.weight'
    albef['model'][table] = albef['model'][table][:100]
    torch.save(albef, tmp_path / 'ALBEF.pth')
    with pytest.raises(SystemExit):
        main([f'{tmp_path}/ALBEF.pth', f'{tmp_path}/out', '--tokenizer', minilm])
    assert 'has 30522 tokens' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([f'{tmp_path}/ALBEF.pth', f'{tmp_path}/out', '--tokenizer', f'{tmp_path}'])
    assert str(tmp_path) in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([f'{tmp_path}/ALBEF.pth', f'{tmp_path}/ALBEF.pth', '--tokenizer', minilm])
    assert 'it is a file; name a folder' in capsys.readouterr().err
