"""RandomTextPrompt: which words are drawn, how often, and that they are few."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from mmpose.registry import TRANSFORMS

from vlpose_mm.datasets.scenarios import DEFAULT_TEXT_PROMPT as PHOTO
from vlpose_mm.datasets.scenarios import SCENARIOS
from vlpose_mm.models.text_encoders import RandomTextEncoder

MURAL = dict(category='mural', description='mural,  two men')


def draw(sample: dict, number: int = 400, **kwargs) -> Counter:
    np.random.seed(0)
    transform = TRANSFORMS.build(dict(type='RandomTextPrompt', **kwargs))
    return Counter(transform(dict(sample))['text_prompt'] for _ in range(number))


def test_the_text_prompt_the_description_and_nothing_are_drawn_as_often_as_said() -> None:
    drawn = draw(MURAL, 4000, fixed_prob=0.3, description_prob=0.2, none_prob=0.1)
    for text, prob in ((SCENARIOS['mural'].text_prompt, 0.3), ('mural, two men', 0.2)):
        assert drawn[text] / 4000 == pytest.approx(prob, abs=0.03)
    assert drawn[PHOTO] / 4000 == pytest.approx(0.1, abs=0.02)
    assert 'a fresco' in drawn and any('a mural of ' in text for text in drawn)
    assert len(drawn) == 64 + 3


def test_a_wording_says_which_text_prompt_it_stands_for() -> None:
    transform = TRANSFORMS.build(dict(type='RandomTextPrompt', fixed_prob=0))
    results = transform(dict(MURAL))
    assert results['text_prompt'] != results['wording_of'] == SCENARIOS['mural'].text_prompt
    assert 'wording_of' not in transform(dict(text_prompt='my own'))


def test_every_scenario_has_its_own_words_and_a_cache_holds_them_all() -> None:
    words = {name: draw(dict(category=name), 2000, num_wordings=20) for name in SCENARIOS}
    assert {name: len(drawn) for name, drawn in words.items()} == dict.fromkeys(
        SCENARIOS, 22
    )
    assert any('Japan' in text for text in words['ukiyoe'])
    distinct = {text for drawn in words.values() for text in drawn}
    assert 19 * 20 < len(distinct) < RandomTextEncoder.cache_size


@pytest.mark.parametrize(
    'sample',
    [
        dict(MURAL, text_prompt='my own'),
        dict(img_path='coco/val2017/1.jpg'),
        dict(category='pixel art'),
    ],
)
def test_what_is_not_of_a_known_scenario_keeps_its_text_prompt(sample: dict) -> None:
    assign = TRANSFORMS.build(dict(type='AssignTextPrompt'))
    assert draw(sample, 50) == {assign(dict(sample))['text_prompt']: 50}


def test_several_texts_of_a_scenario_are_drawn_as_one_and_a_name_may_be_a_letter(
    tmp_path: Path,
) -> None:
    own, file = ['a fresco', 'a wall'], tmp_path / 'own.yaml'
    file.write_text('x: {names: [X]}\n')
    kwargs = dict(type='RandomTextPrompt', wordings=str(file), text_prompts=dict(mural=own))
    transform = TRANSFORMS.build(kwargs)
    assert own in [transform(dict(MURAL))['text_prompt'] for _ in range(50)]
    assert transform(dict(MURAL))['wording_of'] == own and 'X' in transform.wordings['x']


def test_a_file_adds_words_and_scenarios(tmp_path: Path) -> None:
    file = tmp_path / 'own.yaml'
    file.write_text('Pixel-Art: {names: [pixel art]}\nmural: {names: [azulejo tiles]}\n')
    assert any(
        'pixel art' in text for text in draw(dict(category='pixel art'), wordings=str(file))
    )
    own = draw(MURAL, wordings=str(file))
    assert any('azulejo' in text for text in own) and any('fresco' in text for text in own)


@pytest.mark.parametrize(
    ('content', 'match'),
    [
        ('mural: [a fresco]', 'mural must have lists of names, groups, attributes'),
        ('mural: {name: [a fresco]}', 'mural must have lists of names'),
        ('mural: {names: a fresco}', 'mural.names must be a list of texts'),
        ('mural: {names: [5]}', 'mural.names must be a text prompt'),
        ('tiles: {groups: [a wall]}', 'tiles has no names; say what such'),
        ('[mural]', 'must map each scenario to its words'),
        ('mural: {', 'cannot be read'),
    ],
)
def test_a_broken_file_of_words_is_named(content: str, match: str, tmp_path: Path) -> None:
    file = tmp_path / 'own.yaml'
    file.write_text(content)
    with pytest.raises(ValueError, match=f'own.yaml.*{match}'):
        draw(MURAL, wordings=str(file))
    with pytest.raises(FileNotFoundError, match='it maps each scenario to its words'):
        draw(MURAL, wordings=str(tmp_path / 'none.yaml'))


@pytest.mark.parametrize(
    ('kwargs', 'match'),
    [
        (dict(fixed_prob=0.9, none_prob=0.2), 'exceed 1'),
        (dict(description_prob=-0.1), 'negative'),
        (dict(num_wordings=0), 'num_wordings must be at least 1'),
        (dict(per_keypoint=True), 'per_keypoint'),
    ],
)
def test_wrong_numbers_are_refused(kwargs: dict, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        draw(MURAL, **kwargs)
