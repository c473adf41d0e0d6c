"""The scenario table."""

import pytest

from vlpose_mm.datasets.scenarios import (
    GROUPS,
    SCENARIOS,
    all_sentences,
    humanised_sentence,
    scenario_name,
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
