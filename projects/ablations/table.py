"""Lay results out as the paper's tables."""

from statistics import mean, stdev

from projects.ablations.rows import Row
from projects.mini_humanart.markdown_table import align

HEADER = [
    'row',
    'artificial AP',
    'AP',
    'trained, M',
    'parameters, M',
    'seconds',
    'seeds',
]


def format_tables(results: dict[Row, list[dict]]) -> str:
    """Lay out a table per study, in Markdown that is aligned for the terminal as well.

    Args:
        results (dict[Row, list[dict]]): What each row gave so far, a result of
            :func:`experiment.run` per seed.

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
    """The cells of a study's rows."""
    best = {
        key: max((_points(found, key) for found in results.values() if found), default='')
        for key in ('artificial', 'all')
    }
    lines = []
    for name, found in results.items():
        if not found:
            lines.append([name, 'missing', *[''] * (len(HEADER) - 3), '0'])
            continue
        scores = []
        for key in best:
            score = f'{_points(found, key):.1f}'
            if len(found) > 1:
                score += f' ± {stdev(100 * result[key] for result in found):.1f}'
            is_best = _points(found, key) == best[key]
            scores.append(f'**{score}**' if is_best else score)
        lines.append(
            [
                name,
                *scores,
                f'{found[0]["trained"] / 1e6:.3f}',
                f'{found[0]["total"] / 1e6:.3f}',
                f'{mean(result["seconds"] for result in found):.0f}',
                str(len(found)),
            ]
        )
    return lines


def _points(found: list[dict], key: str) -> float:
    """Mean AP in points, as exact as it is shown."""
    return round(100 * mean(result[key] for result in found), 1)
