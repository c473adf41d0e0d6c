"""Tables of scores of several models, with differences to the first."""

import re
from html import escape
from typing import NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text


class Cell(NamedTuple):
    """A number as a reader sees it; ``tone`` is ``good``, ``bad`` or ``soft``."""

    text: str
    is_best: bool
    gain: str
    tone: str


class Row(NamedTuple):
    """A row of points by model; ``None`` if not tested, or without instances.

    If more is better, the best is marked and gains are colored.
    """

    name: str
    values: list[float | None]
    instances: int | None = None
    more_is_better: bool = True

    def best(self) -> list[bool]:
        """Return which of the rounded values are the best, if they differ."""
        rounded = [None if v is None else round(v, 1) for v in self.values]
        known = [v for v in rounded if v is not None]
        if len(set(known)) < 2 or not self.more_is_better:
            return [False] * len(rounded)
        return [v == max(known) for v in rounded]

    def gains(self) -> list[float | None]:
        """Return the differences of the rounded values to the first."""
        first = self.values[0]
        return [
            None if v is None or first is None else round(round(v, 1) - round(first, 1), 1)
            for v in self.values
        ]

    def cells(self) -> list[Cell]:
        """Return the formatted values."""
        cells = []
        for i, (value, best, gain) in enumerate(
            zip(self.values, self.best(), self.gains(), strict=True)
        ):
            text = '–' if value is None else f'{value:.1f}'.replace('-', '−')
            tone = 'soft'
            if gain and self.more_is_better:
                tone = 'good' if gain > 0 else 'bad'
            shown = '' if not i or gain is None else signed(gain)
            cells.append(Cell(text, best, shown, tone))
        return cells


class Table(NamedTuple):
    """Rows with the scores of the same models."""

    title: str
    models: list[str]
    rows: list[Row]

    @property
    def has_instances(self) -> bool:
        """Whether some row has a number of instances."""
        return any(row.instances is not None for row in self.rows)


def rich_table(table: Table, markdown: bool = False) -> RichTable:
    """Return a table for the terminal, or for :func:`markdown_table`."""
    name = escape_markdown if markdown else str
    columns = ['instances'] * table.has_instances + [*map(name, table.models)]
    title = None if markdown else table.title
    drawn = RichTable('', title=title, box=box.MARKDOWN if markdown else box.SIMPLE_HEAD)
    for column in columns:
        drawn.add_column(Text(column), justify='right')
    for row in table.rows:
        texts = [name(row.name)]
        if table.has_instances:
            texts += ['' if row.instances is None else str(row.instances)]
        for cell in row.cells():
            best = f'**{cell.text}**' if cell.is_best and markdown else cell.text
            texts += [f'{best} ({cell.gain})' if cell.gain else best]
        drawn.add_row(*map(Text, texts))
    return drawn


def markdown_table(table: Table) -> str:
    """Return a table in Markdown with aligned columns."""
    drawn = rich_table(table, markdown=True)
    console = Console(width=10_000, color_system=None)
    with console.capture() as capture:
        console.print(drawn)
    lines = [line.strip() for line in capture.get().splitlines() if line.strip()]
    _, first, *rest = lines[1].split('|')
    lines[1] = '|'.join(['', first, *(rule[:-1] + ':' for rule in rest[:-1]), ''])
    return '\n'.join(lines)


def escape_markdown(text: str) -> str:
    """Escape the characters that are special in Markdown and HTML."""
    return re.sub(r'([\\`*_{}\[\]|~#])', r'\\\1', escape(text, quote=False))


def points(score: float) -> float | None:
    """Convert a score in [0, 1] to points; -1 means that there are no instances."""
    return None if score < 0 else 100 * score


def signed(gain: float) -> str:
    """Format a difference with its sign."""
    return f'{gain:+.1f}'.replace('-', '−') if gain else '±0.0'
