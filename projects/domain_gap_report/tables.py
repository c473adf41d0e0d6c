"""The tables of the report, in HTML and in Markdown."""

import re
from html import escape
from typing import NamedTuple

from projects.domain_gap_report.svg import color, shortened


class Row(NamedTuple):
    """A line of a table: a kind of image, and a number for each model.

    Attributes:
        name (str): What the numbers are of.
        values (list[float | None]): In points; ``None``: not tested, or nobody there.
        people (int, optional): How many people it is about.
        judged (bool): Whether more is better; a gap can shrink for a bad reason, too.
    """

    name: str
    values: list[float | None]
    people: int | None = None
    judged: bool = True

    def best(self) -> list[bool]:
        """Tell which numbers are the best as far as a reader can see, if any differ."""
        shown = [None if v is None else round(v, 1) for v in self.values]
        known = [v for v in shown if v is not None]
        if len(set(known)) < 2 or not self.judged:
            return [False] * len(shown)
        return [v == max(known) for v in shown]

    def gains(self) -> list[float | None]:
        """Subtract the first model's number, as far as a reader can see."""
        first = self.values[0]
        return [
            None if v is None or first is None else round(round(v, 1) - round(first, 1), 1)
            for v in self.values
        ]


class Table(NamedTuple):
    """Rows below a heading.

    Attributes:
        title (str): What the table shows.
        models (list[str]): The models, whose numbers the rows have.
        rows (list[Row]): Its lines.
    """

    title: str
    models: list[str]
    rows: list[Row]


def html_table(table: Table) -> str:
    """Write a table for the page.

    Args:
        table (Table): The table.

    Returns:
        str: HTML.
    """
    with_people = any(row.people is not None for row in table.rows)
    heads = [
        f'<th scope="col" style="border-color:{color(i)}" title="{escape(name)}">'
        f'{escape(shortened(name, 28))}</th>'
        for i, name in enumerate(table.models)
    ]
    heads = ['<th scope="col">people</th>', *heads] if with_people else heads
    lines = [f'<tr><td></td>{"".join(heads)}</tr>']
    for row in table.rows:
        cells = [f'<th scope="row">{escape(row.name)}</th>']
        cells += [f'<td class="soft">{_people(row)}</td>'] if with_people else []
        for i, (value, best, gain) in enumerate(
            zip(row.values, row.best(), row.gains(), strict=True)
        ):
            shown = f'<b>{_points(value)}</b>' if best else _points(value)
            if i and gain is not None:
                kind = 'good' if gain > 0 else 'bad'
                kind = kind if gain and row.judged else 'soft'
                shown += f' <small class="{kind}">{signed(gain)}</small>'
            cells += [f'<td>{shown}</td>']
        lines += [f'<tr>{"".join(cells)}</tr>']
    return (
        '<div class="scroll" tabindex="0"><table>'
        f'<caption>{escape(table.title)}</caption>\n'
        f'{chr(10).join(lines)}\n</table></div>'
    )


def markdown_table(table: Table) -> str:
    """Write a table for people who read the file as it is, too.

    Args:
        table (Table): The table.

    Returns:
        str: Markdown with aligned columns.
    """
    with_people = any(row.people is not None for row in table.rows)
    lines = [['', *(['people'] if with_people else []), *map(plain, table.models)]]
    for row in table.rows:
        cells = [plain(row.name), *([_people(row)] if with_people else [])]
        for i, (value, best, gain) in enumerate(
            zip(row.values, row.best(), row.gains(), strict=True)
        ):
            shown = f'**{_points(value)}**' if best else _points(value)
            cells += [shown if not i or gain is None else f'{shown} ({signed(gain)})']
        lines += [cells]
    wide = [max(3, *map(len, column)) for column in zip(*lines, strict=True)]
    rule = ['-' * wide[0], *(f'{"-" * (w - 1)}:' for w in wide[1:])]
    return '\n'.join(
        '| '
        + ' | '.join([cells[0].ljust(wide[0]), *map(str.rjust, cells[1:], wide[1:])])
        + ' |'
        for cells in (lines[0], rule, *lines[1:])
    )


def plain(words: str) -> str:
    """Write a name in Markdown so that it is read as it stands.

    Args:
        words (str): Such as ``'<b>|x_1'``.

    Returns:
        str: The same with its special characters escaped.
    """
    return re.sub(r'([\\`*_{}\[\]|~#])', r'\\\1', escape(words, quote=False))


def points(value: float) -> float | None:
    """Turn a score of COCO's into points.

    Args:
        value (float): In [0, 1], or -1 where there is nobody.

    Returns:
        float, optional: In [0, 100].
    """
    return None if value < 0 else 100 * value


def _points(value: float | None) -> str:
    return '–' if value is None else f'{value:.1f}'.replace('-', '−')


def signed(gain: float) -> str:
    """Write a difference.

    Args:
        gain (float): In points.

    Returns:
        str: With its sign and one digit after the point.
    """
    return f'{gain:+.1f}'.replace('-', '−') if gain else '±0.0'


def _people(row: Row) -> str:
    return '' if row.people is None else str(row.people)
