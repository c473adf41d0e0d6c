"""The scenario table."""

import pytest

from vlpose_mm.datasets.scenarios import (
    GROUPS,
    SCENARIOS,
    all_sentences,
    humanised_sentence,
    scenario_name,
    sentence_table,
)


def test_holds_the_scenarios_of_human_art_by_group() -> None:
    counts = [sum(s.group == group for s in SCENARIOS.values()) for group in GROUPS]
    assert counts == [5, 11, 3]
    assert len(set(all_sentences())) == 20


@pytest.mark.parametrize('text', ['Digital art', 'digital_art', ' digital-ART '])
def test_every_spelling_names_the_same_scenario(text: str) -> None:
    assert scenario_name(text) == 'digital_art'


def test_makes_a_sentence_from_a_name() -> None:
    assert humanised_sentence('pixel_art') == 'a pixel art picture of a person'
    assert humanised_sentence('engraving') == 'an engraving picture of a person'


def test_a_default_stands_for_all_that_is_not_given() -> None:
    table = sentence_table(dict(mural=['a fresco', 'a wall'], default='a picture'))
    assert table['mural'] == ['a fresco', 'a wall']
    assert {table[name] for name in table if name != 'mural'} == {'a picture'}
    assert set(table) == {'default', *SCENARIOS}
    assert sentence_table(dict(mural='a fresco'))['relief'] == SCENARIOS['relief'].sentence


def test_lists_the_sentences_of_every_variant() -> None:
    table = sentence_table(dict(mural=['a fresco', 'a wall'], default='a picture'))
    assert all_sentences(table) == ['a picture', 'a fresco', 'a wall']
    sentences = all_sentences(keypoints=['nose', 'left_knee'])
    assert len(set(sentences)) == 40
    assert sentences[:2] == [
        'the nose in a photo of a person',
        'the left knee in a photo of a person',
    ]
