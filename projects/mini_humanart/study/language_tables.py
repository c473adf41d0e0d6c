"""Lay the study of language out in tables."""

from collections.abc import Mapping
from statistics import mean
from typing import NamedTuple

from projects.mini_humanart.markdown_table import align
from projects.mini_humanart.study.arms import LORA, artificial
from projects.mini_humanart.study.language_runs import (
    CHOICE,
    DESCRIBED,
    NO_TEXT,
    RANDOM,
    TEMPERATURES,
    TEST,
    WORDS,
    Condition,
)
from projects.mini_humanart.study.tables import kept, runs_of, spread

MISSING = 'missing'
TRAINED = {LORA: 'fixed sentence', WORDS: "people's words"}
PROMPTS = {
    'the sentence of training': ['own'],
    '... in capitals, with a full stop': ['capitals'],
    'the name, such as "oil painting"': ['name'],
    'other words, the 4 lists of choices': CHOICE,
    '**other words, 6 lists**': TEST,
    '"a photo of a person"': ['photo'],
    '"a photo of a car"': ['car'],
    "another scenario's sentence": ['wrong'],
    "another scenario's other words": ['wrong_test'],
}


class Row(NamedTuple):
    """A row or column: what is trained, and how it is tested."""

    title: str
    config: str
    words: list[str]
    reading: str = 'literal'
    shuffled: bool = False
    temperature: float | None = None


STYLES = [
    Row('full fine-tuning', 'full', ['own']),
    Row('no words', NO_TEXT, ['own']),
    Row('random embeddings, one for each style', RANDOM, ['own']),
    Row('descriptions shuffled in training', LORA, ['right'], shuffled=True),
    *(
        row
        for title, config in (
            ('a description for each image', LORA),
            ('a new description in every step', DESCRIBED),
        )
        for row in (
            Row(f'**{title}**, tested with the right one', config, ['right']),
            Row("... tested with another scenario's", config, ['misdescribed']),
            Row('... with "an oil painting of a person" and so on', config, ['own']),
            Row('... with other words, 6 lists', config, TEST),
            Row('... with "a photo of a person"', config, ['photo']),
        )
    ),
    Row('a description for each image, the right one read', LORA, ['right'], 'known'),
    Row('... "an oil painting of a person" and so on, read', LORA, ['own'], 'known'),
    Row('... other words, 6 lists, read', LORA, TEST, 'known'),
]
STYLES_BY_SCENARIO = [
    Row('full fine-tuning', 'full', ['own']),
    Row('no words', NO_TEXT, ['own']),
    Row('random embeddings', RANDOM, ['own']),
    Row('one description', LORA, ['right']),
    Row("another's", LORA, ['misdescribed']),
    Row('new descriptions', DESCRIBED, ['right']),
    Row("another's", DESCRIBED, ['misdescribed']),
]
LEFT_OUT = [
    *(
        Row(title, config, words, reading)
        for config, name in TRAINED.items()
        for title, words, reading in (
            (name, ['own'], 'literal'),
            ('... its sentence, read', ['own'], 'known'),
            ('... other words, 6 lists', TEST, 'literal'),
            ('... other words, 6 lists, read', TEST, 'known'),
            ('... "a photo of a person"', ['photo'], 'literal'),
        )
    ),
    Row('random embeddings', RANDOM, ['own']),
    Row('no text', NO_TEXT, ['own']),
]
LEFT_OUT_BY_SCENARIO = [
    *(
        Row(f'{name}{shown}', config, ['own'], reading)
        for config, name in TRAINED.items()
        for shown, reading in (('', 'literal'), (', read', 'known'))
    ),
    Row('random embeddings', RANDOM, ['own']),
    Row('no text', NO_TEXT, ['own']),
]
WORDINGS_BY_SCENARIO = [
    Row(f'{name}: {shown}', config, words, reading)
    for config, name in TRAINED.items()
    for shown, words, reading in (
        ('its sentence', ['own'], 'literal'),
        ('other words', TEST, 'literal'),
        ('read', TEST, 'known'),
    )
]


def tables_of(content: Mapping, study: Mapping) -> dict[str, str]:
    """Make the Markdown tables of raw results.

    Args:
        content (Mapping): The results of this study.
        study (Mapping): Those of the other one, for what is the same there.
    """
    runs = content['runs']
    (first,) = runs_of(study['runs'], 'original')
    original = {name: _points(score) for name, score in first['art'].items()}
    tuned = runs_of(study['runs'], LORA)
    return dict(
        wordings=_wordings(runs, original['artificial']),
        temperatures=_temperatures(runs),
        wordings_by_scenario=_by_scenario(runs, 'wordings', WORDINGS_BY_SCENARIO, original),
        styles=_styles(runs, original['artificial']),
        styles_by_scenario=_by_scenario(runs, 'styles', STYLES_BY_SCENARIO, original),
        language_left_out=_left_out(runs, first['art'], tuned),
        language_left_out_by_scenario=_by_scenario(
            runs, 'left_out', LEFT_OUT_BY_SCENARIO, original
        ),
    )


def _scores(runs: list[dict], part: str, row: Row, key: str = 'artificial') -> list[float]:
    """AP of each seed, averaged over lists of words, as far as it is there."""
    names = [str(Condition(w, row.reading, row.temperature)) for w in row.words]
    wanted = part, row.config, row.shuffled
    return [
        mean(run['tests'][name][key] for name in names)
        for run in runs
        if (run['part'], run['config'], run['shuffled']) == wanted
        and all(key in run['tests'].get(name, ()) for name in names)
    ]


def _cell(runs: list[dict], part: str, row: Row, key: str = 'artificial') -> str:
    scores = _scores(runs, part, row, key)
    return spread(scores) if scores else MISSING


def _points(score: float) -> str:
    return f'{100 * score:.1f}'


def _wordings(runs: list[dict], original: str) -> str:
    """A row per kind of text prompt, a column per training and reading."""
    columns = [
        (f'{name}{shown}', config, reading)
        for config, name in TRAINED.items()
        for shown, reading in (('', 'literal'), (', read', 'known'))
    ]
    lines = [['tested with', *(title for title, _, _ in columns)]]
    lines.append(['nothing: the original', *[original] * len(columns)])
    for title, words in PROMPTS.items():
        rows = [Row(title, config, words, reading) for _, config, reading in columns]
        lines.append([title, *(_cell(runs, 'wordings', row) for row in rows)])
    return align(lines)


def _temperatures(runs: list[dict]) -> str:
    """Other words, read at some temperatures."""
    lines = [['temperature', *TRAINED.values()]]
    for temperature in TEMPERATURES:
        rows = [Row('', c, CHOICE, 'known', temperature=temperature) for c in TRAINED]
        lines.append([f'{temperature}', *(_cell(runs, 'wordings', row) for row in rows)])
    return align(lines)


def _by_scenario(
    runs: list[dict], part: str, columns: list[Row], original: Mapping[str, str]
) -> str:
    """A row per artificial scenario."""
    lines = [['scenario', 'original', *(column.title for column in columns)]]
    for name in artificial():
        cells = [_cell(runs, part, column, name) for column in columns]
        lines.append([name, original[name], *cells])
    return align(lines)


def _styles(runs: list[dict], original: str) -> str:
    """A row per arm and test."""
    lines = [['trained on random styles with', 'artificial AP', 'seeds']]
    lines.append(['nothing: the original', original, '1'])
    for row in STYLES:
        count = len(_scores(runs, 'styles', row))
        lines.append([row.title, _cell(runs, 'styles', row), str(count)])
    return align(lines)


def _left_out(runs: list[dict], original: Mapping[str, float], tuned: list[dict]) -> str:
    """A row per arm and test, averaged over the scenarios that it has."""
    lines = [['tuned without it', 'AP', 'original', 'tuned with it', 'kept', 'scenarios']]
    for row in LEFT_OUT:
        found = {name: _scores(runs, 'left_out', row, name) for name in artificial()}
        names = [name for name, scores in found.items() if scores]
        if not names:
            lines.append([row.title, *[MISSING] * 5])
            continue
        means = (
            mean(original[name] for name in names),
            mean(mean(found[name]) for name in names),
            mean(run['art'][name] for run in tuned for name in names),
        )
        before, without, whole = map(_points, means)
        lines.append([row.title, without, before, whole, kept(means), str(len(names))])
    return align(lines)
