"""Lay out for people what was measured."""

from collections.abc import Callable, Mapping


def report_table(report: Mapping) -> str:
    """Lay a report out.

    Args:
        report (Mapping): See :func:`projects.benchmark.report.benchmark`.

    Returns:
        str: What was measured where, and a table of each comparison.
    """
    machine, settings = report['machine'], report['settings']
    w, h = report['input_size']
    versions = [f'{name} {number}' for name, number in report['versions'].items()]
    kind = settings['dtype'] + (', compiled' if settings['compiled'] else '')
    lines = [
        f'{report["config"]}, input {w} x {h} (width x height)',
        f'{machine["device"]}, threads: {machine["threads"]}, {kind}, '
        f'rounds: {settings["rounds"]}',
        ', '.join(versions),
    ]
    for name, comparisons in report['cases'].items():
        if not comparisons:
            lines += ['', f'{name}: this model has none']
        for comparison in comparisons:
            lines += ['', *_comparison_lines(name, comparison)]
    return '\n'.join(lines)


def _comparison_lines(case: str, comparison: Mapping) -> list[str]:
    """Lay one comparison out; columns without a number are left away."""
    rows = comparison['rows']
    head = ['', comparison['unit'], 'quartiles', 'images/s', f'to {rows[0]["name"]}']
    head += ['quartiles', 'floor', 'to floor']
    cells = [head, *map(_cells, rows)]
    used = [i for i in range(len(head)) if any(row[i] for row in cells[1:])]
    widths = {i: max(len(row[i]) for row in cells) for i in used}
    lines = [f'{case}: {comparison["title"]}']
    for row in cells:
        text = '  '.join(f'{row[i]:>{widths[i]}}' for i in used[1:])
        lines.append(f'{row[0]:<{widths[0]}}  {text}'.rstrip())
    return [*lines, comparison['note']] if comparison['note'] else lines


def _cells(row: Mapping) -> list[str]:
    """Write the numbers of a model pair, those that it has."""
    cells = [row['name'], _short(row['median']), _spread(row, _short), '', '', '', '', '']
    if row['images_per_second'] is not None:
        cells[3] = _short(row['images_per_second'])
    if row['ratio'] is not None:
        cells[4:6] = _ratio(row['ratio']['median']), _spread(row['ratio'], _ratio)
    if row['floor'] is not None:
        cells[6] = f'{row["floor"]:.3f}'
    if row['to_floor'] is not None:
        cells[7] = f'{row["to_floor"]:.3f}'
    return cells


def _spread(found: Mapping, write: Callable[[float], str]) -> str:
    """Write the quartiles, unless there is one sample alone."""
    if len(found['samples']) == 1:
        return ''
    return f'{write(found["lower"])} - {write(found["upper"])}'


def _short(number: float) -> str:
    """Write a number with four digits that mean something."""
    return f'{number:.0f}' if number >= 1000 or number == 0 else f'{number:#.4g}'


def _ratio(number: float) -> str:
    """Write a ratio, a small one as a share."""
    return f'{number:.3f}' if number >= 0.1 else f'{number:.2%}'
