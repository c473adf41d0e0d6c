"""Files of text prompts by scenario."""

import json
from pathlib import Path

import pytest

from vlpose_mm.datasets.scenarios import SCENARIOS
from vlpose_mm.datasets.text_prompts import load_text_prompts


def test_yaml_and_json_are_equal_in_any_spelling(tmp_path: Path) -> None:
    yml, jsn = tmp_path / 'prompts.yml', tmp_path / 'prompts.json'
    yml.write_text(
        'default: an image\nOil painting: >\n  a canvas\n  of a person\n'
        'ink-painting: [ink , a brush]\n'
    )
    content = {
        'default': 'an image',
        'oil_painting': 'a canvas of a person',
        'ink painting': ['ink', 'a  brush'],
    }
    jsn.write_text(json.dumps(content))
    want = dict(
        default='an image',
        oil_painting='a canvas of a person',
        ink_painting=['ink', 'a brush'],
    )
    assert load_text_prompts(str(yml)) == load_text_prompts(str(jsn)) == want


def test_without_default_every_scenario_is_required(tmp_path: Path) -> None:
    path = tmp_path / 'prompts.json'
    whole = {name: f'a {name}' for name in SCENARIOS}
    path.write_text(json.dumps(whole))
    assert load_text_prompts(str(path)) == whole
    del whole['relief'], whole['mural']
    path.write_text(json.dumps(whole))
    with pytest.raises(ValueError, match=r"\['mural', 'relief'\].*called default") as error:
        load_text_prompts(str(path))
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ('name', 'content', 'message'),
    [
        ('a.yml', 'mural: ""\ndefault: a', "'mural' is blank"),
        ('a.yml', 'mural: []\ndefault: a', "'mural' must be a text prompt or a list"),
        ('a.yml', 'mural: [a, " "]\ndefault: a', "'mural' is blank"),
        ('a.yml', 'mural: [a, 3]\ndefault: a', "'mural' must be text, got 3"),
        ('a.yml', 'mural: [a, [b]]\ndefault: a', "'mural' must be text"),
        ('a.yml', 'mural:\ndefault: a', "'mural' must be a text prompt .*None"),
        ('a.yml', 'mural: {a: b}\ndefault: a', "'mural' must be a text prompt"),
        ('a.yml', 'no: a\ndefault: a', 'must be a name, got False'),
        ('a.yml', 'oil painting: a\noil-painting: b', "'oil_painting' twice"),
        ('a.yml', '- a\n- b', 'must map scenarios to text prompts'),
        ('a.yml', '', 'must map scenarios to text prompts'),
        ('a.json', '{}', 'must map scenarios to text prompts'),
        ('a.json', '{"mural": ', 'cannot be read'),
        ('a.yaml', 'mural: [a', 'cannot be read'),
        ('a.yml', '!!python/object/apply:os.getcwd []', 'cannot be read'),
        ('a.txt', 'mural: a', "one of these formats: \\['.json'"),
        ('a.pkl', 'mural: a', 'one of these formats'),
    ],
)
def test_a_bad_file_gets_one_error_that_names_it(
    name: str, content: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(ValueError, match=message) as error:
        load_text_prompts(str(path))
    assert str(path) in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match='nowhere.yml'):
        load_text_prompts(str(tmp_path / 'nowhere.yml'))
    (tmp_path / 'folder.yml').mkdir()
    with pytest.raises(ValueError, match='folder.yml cannot be read'):
        load_text_prompts(str(tmp_path / 'folder.yml'))


def test_a_name_close_to_a_scenario_is_pointed_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = []
    monkeypatch.setattr(
        'vlpose_mm.datasets.text_prompts.print_log', lambda text, **_: messages.append(text)
    )
    path = tmp_path / 'prompts.json'
    content = {'default': 'a', 'oil_paintng': 'b', 'pixel art': 'c', 'Mural': 'd'}
    path.write_text(json.dumps(content))
    load_text_prompts(str(path))
    (message,) = messages
    assert "'oil_paintng' is not a scenario" in message and "'oil_painting' is" in message
