"""The words in which people tell a scenario, for training and for reading text prompts."""

import random
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from vlpose_mm.datasets.scenarios import scenario_name
from vlpose_mm.datasets.text_prompts import check_text_prompt, load_mapping

OURS = Path(__file__).with_name('wordings.yaml')
TEMPLATES = (
    '{} of a person',
    '{}',
    '{} of a man',
    '{} of a woman',
    '{} of people',
    '{} showing a human figure',
    'a person in {}',
    'this is {}',
    'an image of {}',
)


class Wording(NamedTuple):
    """The words for a scenario.

    Attributes:
        names (list[str]): What such an image is called.
        groups (list[str]): What it is among others, such as ``'a painting'``.
        attributes (list[str]): What may follow, such as ``'on canvas'``.
    """

    names: list[str]
    groups: list[str]
    attributes: list[str]

    def told(self) -> list[str]:
        """List the plain ways to say a name."""
        return [t.format(name) for name in self.names for t in ('{}', '{} of a person')]

    def draw(self, rng: random.Random) -> str:
        """Draw a text prompt, as a person might type it."""
        noun = rng.choice(self.names)
        if self.groups and rng.random() < 0.15:
            noun = rng.choice(self.groups)
        text = rng.choice(TEMPLATES).format(noun)
        if self.attributes and rng.random() < 0.3:
            text = f'{text}{rng.choice([" ", ", "])}{rng.choice(self.attributes)}'
        return typed(text, rng) if rng.random() < 0.3 else text


def typed(text: str, rng: random.Random) -> str:
    """Type a text less carefully: without an article, in capitals, with a slip."""
    kind = rng.randrange(4)
    if kind == 0:
        first, _, rest = text.partition(' ')
        return rest if first in ('a', 'an') else text
    if kind == 1:
        return f'{text[0].upper()}{text[1:]}.'
    if kind == 2:
        return text.upper()
    if len(text) < 2:
        return text
    slip = rng.randrange(len(text) - 1)
    return f'{text[:slip]}{text[slip + 1]}{text[slip]}{text[slip + 2 :]}'


def load_wordings(file: str | None = None) -> dict[str, Wording]:
    """Read the words of all scenarios.

    Args:
        file (str, optional): YAML or JSON file that adds to ours, by scenario, in any
            spelling: lists of ``names``, ``groups`` and ``attributes``.

    Returns:
        dict[str, Wording]: Scenario -> words.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is broken or has anything else.
    """
    wordings: dict[str, Wording] = {}
    for source in [str(OURS), *([file] if file else [])]:
        what = 'each scenario to its words'
        content = load_mapping(source, what)
        if not isinstance(content, Mapping):
            raise ValueError(f'{source} must map {what}, got {content!r:.80}.')
        for key, words in content.items():
            name = scenario_name(str(key))
            known = wordings.get(name, Wording([], [], []))
            wordings[name] = _extended(known, words, f'{source}: {key}')
            if not wordings[name].names:
                raise ValueError(
                    f'{source}: {key} has no names; say what such an image is called, '
                    "such as names: ['pixel art', 'a game sprite']."
                )
    return wordings


def _extended(known: Wording, words: object, source: str) -> Wording:
    """Add words to those of a scenario."""
    fields = Wording._fields
    if not isinstance(words, Mapping) or not words.keys() <= {*fields}:
        raise ValueError(f'{source} must have lists of {", ".join(fields)}, got {words!r}.')
    lists = {}
    for field in fields:
        added = words.get(field) or []
        if not isinstance(added, list):
            raise ValueError(f'{source}.{field} must be a list of texts, got {added!r}.')
        added = [check_text_prompt(text, f'{source}.{field}') for text in added]
        lists[field] = [*dict.fromkeys([*getattr(known, field), *added])]
    return Wording(**lists)
