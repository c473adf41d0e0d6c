"""Tables of what was measured."""

from collections.abc import Callable, Iterator, Mapping

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text


def report_table(report: Mapping) -> Group:
    """Lay a report out: what was measured where, and a table of each comparison."""
    return Group(*_parts(report))


def _parts(report: Mapping) -> Iterator[RenderableType]:
    machine, settings = report['machine'], report['settings']
    w, h = report['input_size']
    dtype = settings['dtype'] + (', compiled' if settings['compiled'] else '')
    yield Text(f'{report["config"]}, input {w} x {h} (width x height)')
    yield Text(
        f'{machine["device"]}, threads: {machine["threads"]}, {dtype}, '
        f'rounds: {settings["rounds"]}'
    )
    yield Text(', '.join(f'{name} {number}' for name, number in report['versions'].items()))
    for case, comparisons in report['cases'].items():
        if not comparisons:
            yield Text(f'\n{case}: this model has none')
        for comparison in comparisons:
            yield Text(f'\n{case}: {comparison["title"]}')
            yield _table(comparison)
            if comparison['note']:
                yield Text(comparison['note'])


def _table(comparison: Mapping) -> Table:
    """Lay one comparison out, without the columns that have no number."""
    rows = comparison['rows']
    columns = [
        (comparison['unit'], [_short(row['median']) for row in rows]),
        ('quartiles', [_quartiles(row, _short) for row in rows]),
        ('images/s', [_short(row['images_per_second']) for row in rows]),
        (
            f'to {rows[0]["name"]}',
            [_ratio((row['ratio'] or {}).get('median')) for row in rows],
        ),
        ('quartiles', [_quartiles(row['ratio'], _ratio) for row in rows]),
        ('floor', [_ratio(row['floor']) for row in rows]),
        ('to floor', [_ratio(row['to_floor']) for row in rows]),
    ]
    columns = [(title, cells) for title, cells in columns if any(cells)]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column('')
    for title, _ in columns:
        table.add_column(title, justify='right', no_wrap=True)
    for row, *cells in zip(rows, *(cells for _, cells in columns), strict=True):
        table.add_row(row['name'], *cells)
    return table


def _quartiles(spread: Mapping | None, text: Callable[[float], str]) -> str:
    """Format the quartiles of several samples."""
    if spread is None or len(spread['samples']) == 1:
        return ''
    return f'{text(spread["lower"])} - {text(spread["upper"])}'


def _short(number: float | None) -> str:
    """Format a number with four significant digits."""
    if number is None:
        return ''
    return f'{number:.0f}' if number >= 1000 or number == 0 else f'{number:#.4g}'


def _ratio(number: float | None) -> str:
    """Format a ratio, a small one as a percentage."""
    if number is None:
        return ''
    return f'{number:.3f}' if number >= 0.1 else f'{number:.2%}'
