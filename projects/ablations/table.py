"""Lay results out as the paper's tables."""

from statistics import mean, stdev

from projects.ablations.rows import Row
from projects.mini_humanart.markdown_table import align

HEADER = 'row|artificial AP|AP|trained, M|parameters, M|seconds|seeds'.split('|')


def format_tables(results: dict[Row, list[dict]]) -> str:
    """Lay out a table per study, in Markdown that is aligned for the terminal as well.

    Args:
        results (dict[Row, list[dict]]): For each row, a result of :func:`experiment.run`
            per seed.

    Returns:
        str: Mean and, with several seeds, standard deviation. AP is in points; the best
        mean of a study is bold.
    """
    tables = []
    for study in dict.fromkeys(row.study for row in results):
        mine = {r.name: found for r, found in results.items() if r.study == study}
        tables.append(f'## {study}\n\n{align([HEADER, *_lines(mine)])}')
    return '\n\n'.join(tables) + '\n'


def _lines(results: dict[str, list[dict]]) -> list[list[str]]:
    """Lay out the cells of a study's rows."""
    done = [found for found in results.values() if found]
    lines = []
    for name, found in results.items():
        if not found:
            lines.append([name, 'missing', *[''] * (len(HEADER) - 3), '0'])
            continue
        cells = [name]
        for key in ('artificial', 'all'):
            score = f'{_points(found, key):.1f}'
            if len(found) > 1:
                score += f' ± {stdev(100 * result[key] for result in found):.1f}'
            is_best = _points(found, key) == max(_points(other, key) for other in done)
            cells.append(f'**{score}**' if is_best else score)
        cells += [f'{found[0][key] / 1e6:.3f}' for key in ('trained', 'total')]
        seconds = mean(result['seconds'] for result in found)
        lines.append([*cells, f'{seconds:.0f}', str(len(found))])
    return lines


def _points(found: list[dict], key: str) -> float:
    """Return the mean AP in points, as exact as it is shown."""
    return round(100 * mean(result[key] for result in found), 1)
