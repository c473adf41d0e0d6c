"""python -m vlpose_mm.tools.precompute_text_features"""

from pathlib import Path

import pytest
from mmpose.datasets.datasets import CocoDataset

from tests.test_models.test_text_encoders.text_families import Family
from vlpose_mm.datasets import AssignTextPrompt, RandomTextPrompt
from vlpose_mm.datasets.scenarios import all_text_prompts
from vlpose_mm.models import PrecomputedTextEncoder
from vlpose_mm.tools.precompute_text_features import main


@pytest.fixture(autouse=True)
def _work_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_writes_the_scenario_table_by_default(text_file: str) -> None:
    encoder = PrecomputedTextEncoder(text_file)
    assert encoder(all_text_prompts()).last_hidden_state.shape[::2] == (20, 384)
    assert Path(text_file).stat().st_size < 1 << 20


def test_writes_a_text_prompt_a_line(minilm: str, capsys: pytest.CaptureFixture) -> None:
    Path('a.txt').write_text('pixel art of a hero\n\n  a bronze statue \n')
    main(['text.pth', '--pretrained', minilm, '--text-prompts', 'a.txt'])
    assert '2 text prompts' in capsys.readouterr().out
    encoder = PrecomputedTextEncoder('text.pth')
    assert len(encoder(['a bronze statue', 'pixel art of a hero']).last_hidden_state) == 2


def test_writes_what_the_transform_asks_for(
    minilm: str, capsys: pytest.CaptureFixture
) -> None:
    Path('a.yml').write_text('default: any image\nmural:  a wall\npixel art: pixels\n')
    args = ['text.pth', '--pretrained', minilm, '--text-prompts', 'a.yml']
    main([*args, '--per-keypoint'])
    assert f'{3 * 17} text prompts' in capsys.readouterr().out
    assign = AssignTextPrompt(file='a.yml', per_keypoint=True)
    dataset = CocoDataset(lazy_init=True)
    samples = [dict(dataset=dataset, category=c) for c in ('mural', 'Pixel Art', None)]
    encoder = PrecomputedTextEncoder('text.pth')
    text = encoder([assign(sample)['text_prompt'] for sample in samples])
    assert text.index.tolist() == [0, 1, 2]
    assert text.attention_mask.sum(1).min() > 17 * 6


def test_writes_what_our_recipe_draws_in_training(minilm: str) -> None:
    main(['text.pth', '--pretrained', minilm, '--wordings'])
    encoder = PrecomputedTextEncoder('text.pth')
    draw = RandomTextPrompt(fixed_prob=0.1, none_prob=0.1)
    drawn = {draw(dict(category='mural'))['text_prompt'] for _ in range(200)}
    assert len(drawn) > 40 and all(map(encoder.knows, [*drawn, *all_text_prompts()]))


def test_writes_pooled_embeddings(
    minilm: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    family = Family('clip', minilm, tmp_path)
    main(['text.pth', '--pretrained', family.folder, '--tokens', 'pooled'])
    feats = PrecomputedTextEncoder('text.pth')(all_text_prompts())
    assert feats.last_hidden_state.shape == (20, 1, 12)
    with pytest.raises(SystemExit):
        main(['text.pth', '--pretrained', minilm, '--tokens', 'pooled'])
    assert "use tokens='all'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        ('text.pth --text-prompts no.yml', 'There is no file of text prompts at no.yml'),
        ('text.pth --text-prompts some.yml', "some.yml has no text prompt for ['acro"),
        (
            'text.pth --text-prompts several.yml --per-keypoint',
            "several.yml: 'default' has 2 texts",
        ),
        ('nowhere/text.pth', 'Cannot write nowhere/text.pth'),
        ('text.pth --text-prompts no.txt', 'no.txt: No such file'),
        ('text.pth --text-prompts empty.txt', 'empty.txt holds no text prompt'),
        ('text.pth --pretrained empty.txt', "Cannot load the text model 'empty.txt'"),
    ],
)
def test_bad_input_gets_one_clear_error(
    args: str, message: str, capsys: pytest.CaptureFixture
) -> None:
    Path('empty.txt').write_text('\n')
    Path('some.yml').write_text('mural: a wall')
    Path('several.yml').write_text('default: [a, b]')
    with pytest.raises(SystemExit) as exit_info:
        main(args.split())
    assert exit_info.value.code == 2
    assert message in capsys.readouterr().err
    assert not Path('text.pth').exists()
