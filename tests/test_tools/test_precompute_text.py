"""python -m vlpose_mm.tools.precompute_text"""

from pathlib import Path

import pytest

from vlpose_mm.datasets.scenarios import all_sentences
from vlpose_mm.models import PrecomputedTextEncoder
from vlpose_mm.tools.precompute_text import main


def test_writes_the_scenario_table_by_default(text_file: str) -> None:
    encoder = PrecomputedTextEncoder(text_file)
    assert encoder(all_sentences()).tokens.shape[::2] == (20, 384)
    assert Path(text_file).stat().st_size < 1 << 20


def test_writes_the_sentences_of_a_file(
    minilm: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    sentences = tmp_path / 'sentences.txt'
    sentences.write_text('pixel art of a hero\n\n  a bronze statue \n')
    out = tmp_path / 'text.pth'
    main([str(out), '--pretrained', minilm, '--sentences', str(sentences)])
    assert '2 sentences' in capsys.readouterr().out
    encoder = PrecomputedTextEncoder(str(out))
    assert len(encoder(['a bronze statue', 'pixel art of a hero']).tokens) == 2


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (['nowhere/text.pth'], 'cannot write nowhere/text.pth'),
        (['text.pth', '--sentences', 'missing.txt'], 'cannot read missing.txt'),
        (['text.pth', '--sentences', 'empty.txt'], 'empty.txt holds no sentence'),
        (
            ['text.pth', '--pretrained', 'empty.txt'],
            "Cannot load the text model 'empty.txt'",
        ),
    ],
)
def test_bad_input_gets_one_clear_error(
    args: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path('empty.txt').write_text('\n')
    with pytest.raises(SystemExit) as exit_info:
        main(args)
    assert exit_info.value.code == 2
    assert message in capsys.readouterr().err
    assert not Path('text.pth').exists()
