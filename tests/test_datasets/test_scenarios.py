"""The scenario table."""

from vlpose_mm.datasets.scenarios import (
    GROUPS,
    SCENARIOS,
    all_text_prompts,
    scenario_name,
    text_prompt_from_name,
    text_prompt_table,
)


def test_has_the_scenarios_of_human_art_by_group_and_in_any_spelling() -> None:
    counts = [sum(s.group == group for s in SCENARIOS.values()) for group in GROUPS]
    assert counts == [5, 11, 3] and len(set(all_text_prompts())) == 20
    spellings = ('Digital art', 'digital_art', ' digital-ART ')
    assert {*map(scenario_name, spellings)} == {'digital_art'}
    assert text_prompt_from_name('pixel_art') == 'a pixel art picture of a person'
    assert text_prompt_from_name('anime') == 'an anime picture of a person'


def test_completes_and_lists_a_table_of_text_prompts() -> None:
    table = text_prompt_table(dict(mural=['a fresco', 'a wall'], default='an image'))
    texts = dict.fromkeys(['default', *SCENARIOS], 'an image')
    assert table == texts | dict(mural=['a fresco', 'a wall'])
    relief = text_prompt_table(dict(mural='a fresco'))['relief']
    assert relief == SCENARIOS['relief'].text_prompt
    assert all_text_prompts(table) == ['an image', 'a fresco', 'a wall']
    texts = all_text_prompts(keypoints=['nose', 'left_knee'])
    photo = 'a photo of a person'
    assert texts[:2] == [f'the nose in {photo}', f'the left knee in {photo}']
    assert len(set(texts)) == 40
