"""The scenario table."""

import pytest

from vlpose_mm.datasets.scenarios import (
    GROUPS,
    SCENARIOS,
    all_text_prompts,
    scenario_name,
    text_prompt_from_name,
    text_prompt_table,
)


def test_has_the_scenarios_of_human_art_by_group() -> None:
    counts = [sum(s.group == group for s in SCENARIOS.values()) for group in GROUPS]
    assert counts == [5, 11, 3]
    assert len(set(all_text_prompts())) == 20


@pytest.mark.parametrize('text', ['Digital art', 'digital_art', ' digital-ART '])
def test_every_spelling_names_the_same_scenario(text: str) -> None:
    assert scenario_name(text) == 'digital_art'


def test_makes_a_text_prompt_from_a_name() -> None:
    assert text_prompt_from_name('pixel_art') == 'a pixel art picture of a person'
    assert text_prompt_from_name('anime') == 'an anime picture of a person'


def test_completes_and_lists_a_table_of_text_prompts() -> None:
    table = text_prompt_table(dict(mural=['a fresco', 'a wall'], default='an image'))
    assert table['mural'] == ['a fresco', 'a wall']
    assert {table[name] for name in table if name != 'mural'} == {'an image'}
    assert set(table) == {'default', *SCENARIOS}
    relief = text_prompt_table(dict(mural='a fresco'))['relief']
    assert relief == SCENARIOS['relief'].text_prompt
    assert all_text_prompts(table) == ['an image', 'a fresco', 'a wall']
    texts = all_text_prompts(keypoints=['nose', 'left_knee'])
    assert len(set(texts)) == 40
    assert texts[:2] == [
        'the nose in a photo of a person',
        'the left knee in a photo of a person',
    ]
