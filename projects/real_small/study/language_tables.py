"""Lay the study of language on real images out in tables."""

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import NamedTuple

from projects.mini_humanart.markdown_table import align
from projects.mini_humanart.study.tables import kept, spread
from projects.real_small.study.language_runs import (
    NO_TEXT,
    OTHERS,
    RANDOM,
    SENTENCE,
    STYLES,
    WORDS,
)
from projects.real_small.study.tables import ORIGINAL

HEADING = '## What language brings'
#: The section of the page, for the tables.
SECTION = f"""
{HEADING}

`python -m projects.real_small.study.language` tunes VLPose with low-rank updates on six
styles, each as often as the others, or on five of them, and tests on the one left out:
other photos in it (`neural_painting_*`), other poses (`sketch`, `depth_render`), or
another character (`game_cartoon`). What is kept is the gain of five styles over the
original, of that of all six with their sentences.

<!-- table language -->
<!-- end -->

AP by style, in points. The last columns are tuned without the style:

<!-- table language_AP -->
<!-- end -->

PCK, in percent:

<!-- table language_PCK -->
<!-- end -->
"""
MEASURES = ('AP', 'PCK')
MISSING = 'missing'


class Row(NamedTuple):
    """A row or column: what is trained, and how it is tested."""

    title: str
    arm: str
    words: Sequence[str] = ('own',)
    reading: str = 'literal'


TOLD = (
    ('', ('own',), 'literal'),
    ('... its sentence, read as those of training', ('own',), 'known'),
    ('... other words, 2 lists', OTHERS, 'literal'),
    ('... other words, 2 lists, read', OTHERS, 'known'),
    ('... "a photo of a person"', ('photo',), 'literal'),
    ("... the least similar style's sentence", ('wrong',), 'literal'),
)
ROWS = [
    *(
        Row(title or name, arm, words, reading)
        for arm, name in ((SENTENCE, 'fixed sentence'), (WORDS, "people's words"))
        for title, words, reading in TOLD
    ),
    Row('random embeddings', RANDOM),
    Row('no text', NO_TEXT),
]
WITH = Row('tuned with it', SENTENCE)
BY_STYLE = [
    Row('its sentence', SENTENCE),
    Row('read', SENTENCE, reading='known'),
    Row('other words', SENTENCE, OTHERS),
    Row('wrong', SENTENCE, ['wrong']),
    Row("people's words", WORDS),
    Row('random embeddings', RANDOM),
    Row('no text', NO_TEXT),
]


def tables_of(content: Mapping) -> dict[str, str]:
    """Make the Markdown tables of raw results."""
    runs, settings = content['runs'], content['settings']
    seeds = len({run['seed'] for run in runs})
    caption = (
        f'{settings["steps"]} steps of 32 images at {settings["size"]}, '
        f'{seeds} seed{"s"[: seeds > 1]}; AP in points and PCK in percent, means of the '
        'styles, without flip test, in bfloat16:'
    )
    return dict(
        language=f'{caption}\n\n{_all(runs)}',
        **{f'language_{m}': _by_style(runs, m) for m in MEASURES},
    )


def _scores(
    runs: list[dict], row: Row, measure: str, styles: Sequence[str], without: bool
) -> list[float]:
    """Scores of each seed that has all, averaged over styles and lists of words."""
    tests = {(run['arm'], run['left_out'], run['seed']): run['tests'] for run in runs}
    found = []
    for seed in sorted({run['seed'] for run in runs}):
        of_styles = [
            tests.get((row.arm, style if without else None, seed), {}) for style in styles
        ]
        names = [f'{words}/{row.reading}' for words in row.words]
        if all(name in each for each in of_styles for name in names):
            found.append(
                mean(
                    each[name][style][measure]
                    for style, each in zip(styles, of_styles, strict=True)
                    for name in names
                )
            )
    return found


def _all(runs: list[dict]) -> str:
    """A row per arm and test."""
    lines = [['tuned with']]
    lines[0] += [f'{m}, {how}' for how in ('all', 'without it') for m in MEASURES]
    lines[0] += [f'{m} kept' for m in MEASURES]
    before = {m: _scores(runs, Row('', ORIGINAL), m, STYLES, False) for m in MEASURES}
    whole = {m: _scores(runs, WITH, m, STYLES, False) for m in MEASURES}
    originals = [_cell(before[m]) for m in MEASURES]
    lines.append(['nothing: the original', *originals, *originals, '', ''])
    for row in ROWS:
        cells, shares = [], []
        for without in (False, True):
            for m in MEASURES:
                found = _scores(runs, row, m, STYLES, without)
                cells.append(_cell(found))
                if without:
                    columns = before[m], found, whole[m]
                    known = all(columns)
                    shares.append(kept(tuple(map(mean, columns))) if known else '')
        lines.append([row.title, *cells, *shares])
    return align(lines)


def _by_style(runs: list[dict], measure: str) -> str:
    """A row per style."""
    lines = [['style', 'original', WITH.title, *(row.title for row in BY_STYLE)]]
    for style in STYLES:
        columns = [(row, False) for row in (Row('', ORIGINAL), WITH)]
        columns += [(row, True) for row in BY_STYLE]
        cells = [
            _cell(_scores(runs, row, measure, [style], without)) for row, without in columns
        ]
        lines.append([style, *cells])
    return align(lines)


def _cell(scores: list[float]) -> str:
    return spread(scores) if scores else MISSING
