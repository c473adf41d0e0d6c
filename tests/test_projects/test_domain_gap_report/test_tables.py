"""Rows with the best value and the gains, as text and as Markdown."""

import pytest
from rich.console import Console

from projects.domain_gap_report.tables import (
    Row,
    Table,
    markdown_table,
    points,
    rich_table,
)


@pytest.mark.parametrize(
    ('values', 'best', 'gains'),
    [
        ([1.0, 3.0, 2.0], [1], [0.0, 2.0, 1.0]),
        ([3.04, 3.01, 1.0], [0, 1], [0.0, 0.0, -2.0]),
        ([10.04, 10.06], [1], [0.0, 0.1]),
        ([3.04, 3.01], [], [0.0, 0.0]),  # look equal
        ([None, 2.0, 1.0], [1], [None] * 3),
        ([None, 2.0], [], [None] * 2),
        ([2.0, None], [], [0.0, None]),
    ],
)
def test_the_best_and_the_gains_are_of_the_rounded_values(
    values: list, best: list[int], gains: list
) -> None:
    row = Row('', values)
    assert [i for i, is_best in enumerate(row.best()) if is_best] == best
    assert not any(row._replace(more_is_better=False).best())
    assert row.gains() == gains


TABLE = Table(
    'AP',
    ['first', '<b>|x*'],
    [
        Row('sketch', [10.0, 12.5], 3),
        Row('empty', [None, None], 0),
        Row('photos', [50.0, 49.0], 20),
        Row('gap', [40.0, 36.5], more_is_better=False),
        Row('equal', [1.0, 1.0], 2),
    ],
)


@pytest.mark.fast
def test_markdown_is_aligned_and_escaped() -> None:
    head, rule, *rows = markdown_table(TABLE).splitlines()
    assert len({len(line) for line in (head, rule, *rows)}) == 1
    assert head.replace('\\|', '').count('|') == 5 and rule.count(':|') == 3
    assert '&lt;b&gt;\\|x\\*' in head
    assert [[cell.strip() for cell in row.split('|')[1:-1]] for row in rows] == [
        ['sketch', '3', '10.0', '**12.5** (+2.5)'],
        ['empty', '0', '–', '–'],
        ['photos', '20', '**50.0**', '49.0 (−1.0)'],
        ['gap', '', '40.0', '36.5 (−3.5)'],
        ['equal', '2', '1.0', '1.0 (±0.0)'],
    ]


def test_the_terminal_gets_names_as_they_are_and_tones_of_the_gains() -> None:
    console = Console(width=100)
    with console.capture() as capture:
        console.print(rich_table(TABLE))
    assert '<b>|x*' in capture.get() and '12.5 (+2.5)' in capture.get()
    tones = [row.cells()[1].tone for row in TABLE.rows]
    assert tones == ['good', 'soft', 'bad', 'soft', 'soft']
    table = Table('AP', ['only'], [Row('sketch', [10.0], 3)])
    assert markdown_table(table).splitlines()[2] == '| sketch |         3 | 10.0 |'
    assert (points(0.25), points(0.0), points(-1)) == (25, 0, None)
