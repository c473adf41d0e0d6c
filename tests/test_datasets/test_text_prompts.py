"""Files of text prompts by scenario."""

import json
from pathlib import Path

import pytest

from vlpose_mm.datasets.scenarios import SCENARIOS
from vlpose_mm.datasets.text_prompts import load_text_prompts, read_text_prompts

COMPLETE = {name: f'a {name}' for name in SCENARIOS}
OWN = dict(default='an image', mural='a wall', ink_painting=['ink', 'a brush'])
YAML = 'default: an image\nMural: >\n  a\n  wall\nink-painting: [ink , a  brush]\n'
JSON = '{"default": "an image", " mural": "a  wall", "ink painting": ["ink", "a brush"]}'


@pytest.mark.parametrize('mark', ['', '\ufeff'])
@pytest.mark.parametrize(
    ('name', 'content', 'expected'),
    [
        ('a.yml', YAML, OWN),
        ('a.json', JSON, OWN),
        ('a.json', json.dumps(COMPLETE), COMPLETE),  # needs no default
    ],
)
def test_reads_yaml_and_json_in_any_spelling_with_and_without_a_byte_order_mark(
    name: str, content: str, expected: dict, mark: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(mark + content, 'utf-8')
    assert load_text_prompts(str(tmp_path / name)) == expected


MAP = 'must map scenarios to text prompts'


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
        *(('a.yml', content, MAP) for content in ('- a\n- b', '', '{}')),
        ('a.json', '{"mural": ', 'cannot be read'),
        ('a.yaml', 'mural: [a', 'cannot be read'),
        ('a.yml', '!!python/object/apply:os.getcwd []', 'cannot be read'),
        ('a.txt', 'mural: a', "one of these formats: \\['.json'"),
        ('a.pkl', 'mural: a', 'one of these formats'),
        (
            'a.json',
            json.dumps({k: v for k, v in COMPLETE.items() if k not in ('relief', 'mural')}),
            r"no text prompt for \['mural', 'relief'\]; .*called default",
        ),
    ],
)
def test_a_bad_file_gets_one_error_that_names_it(
    name: str, content: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(ValueError, match=f'{path}.*{message}'):
        load_text_prompts(str(path))


def test_a_byte_order_mark_is_not_part_of_the_first_text_prompt(tmp_path: Path) -> None:
    (tmp_path / 'a.txt').write_text('a café\nein Gemälde\n', 'utf-8-sig')
    assert [*read_text_prompts(str(tmp_path / 'a.txt'))] == ['a café', 'ein Gemälde']


def test_a_missing_file_or_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match='nowhere.yml'):
        load_text_prompts(str(tmp_path / 'nowhere.yml'))
    (tmp_path / 'folder.yml').mkdir()
    with pytest.raises(ValueError, match='folder.yml cannot be read'):
        load_text_prompts(str(tmp_path / 'folder.yml'))


def test_a_name_close_to_a_scenario_is_pointed_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = []
    print_log = 'vlpose_mm.datasets.text_prompts.print_log'
    monkeypatch.setattr(print_log, lambda text, **_: messages.append(text))
    path = tmp_path / 'prompts.json'
    path.write_text('{"default": "a", "oil_paintng": "b", "pixel art": "c", "Mural": "d"}')
    load_text_prompts(str(path))
    (message,) = messages
    assert "'oil_paintng' is not a scenario" in message and "'oil_painting' is" in message
