"""Lay the study out: raw numbers as JSON, tables inside of the page."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import mean, stdev

from projects.mini_humanart.markdown_table import align
from projects.mini_humanart.study.arms import ARMS, LORA, artificial
from vlpose_mm.checkpoint.io import replace_file
from vlpose_mm.datasets.scenarios import SCENARIOS

ROUNDED = 5


def write_results(
    content: Mapping,
    tables_of: Callable[[Mapping], dict[str, str]],
    raw: Path,
    page: Path,
) -> None:
    """Write the raw results, and the tables that are made of them into the page.

    What stands in the page between ``<!-- table NAME -->`` and ``<!-- end -->`` is
    replaced.
    """
    content = _rounded(content)
    lines = [json.dumps(run) for run in content['runs']]
    # A line for each run, so that changes can be read.
    text = json.dumps({**content, 'runs': []}, indent=1).replace(
        '"runs": []', '"runs": [\n  ' + ',\n  '.join(lines) + '\n ]'
    )
    shown = page.read_text()
    for name, table in tables_of(content).items():
        shown, count = re.subn(
            f'(<!-- table {name} -->\n).*?(<!-- end -->)',
            lambda match, table=table: f'{match[1]}{table}\n{match[2]}',
            shown,
            flags=re.DOTALL,
        )
        if count != 1:
            raise ValueError(f'{page} has no place for the table {name!r}.')
    for path, written in ((raw, text + '\n'), (page, shown)):
        with replace_file(str(path)) as file:
            file.write(written.encode())


def tables_of(content: Mapping) -> dict[str, str]:
    """Make the Markdown tables of raw results."""
    runs = content['runs']
    return dict(
        arms=_arms(runs, content['costs']),
        scenarios=_scenarios(runs),
        left_out=_left_out(runs),
    )


def _arms(runs: list[dict], costs: Mapping[str, dict]) -> str:
    """A row per arm."""
    header = [
        'arm',
        'artificial AP',
        'natural AP (photos)',
        'trained',
        's/step',
        'of full',
        'MiB',
        'seeds',
    ]
    (original,) = runs_of(runs, 'original')
    lines = []
    for name, arm in ARMS.items():
        mine = runs_of(runs, name)
        if not mine:
            lines.append([arm.title, *['missing'] * (len(header) - 1)])
            continue
        cost = costs.get(arm.config, {})
        same = {run['photos_sha256'] for run in mine} == {original['photos_sha256']}
        natural = spread([run['photos']['natural'] for run in mine])
        lines.append(
            [
                arm.title,
                spread([run[_test(name)]['artificial'] for run in mine]),
                f'{natural} =' if same else natural,
                f'{mine[0]["trained"] / 1e6:.2f} M',
                f'{cost["seconds"]:.3f}' if cost else '',
                f'{cost["seconds"] / costs["full"]["seconds"]:.2f}' if cost else '',
                f'{cost["mebibytes"]:.0f}' if cost else '',
                str(len(mine)),
            ]
        )
    return align([header, *lines])


def _scenarios(runs: list[dict]) -> str:
    """AP of some arms on every scenario."""
    names = ('original', 'full', 'paper', LORA)
    lines = [['scenario', *(ARMS[name].title for name in names)]]
    for scenario in SCENARIOS:
        scores = [[run['art'][scenario] for run in runs_of(runs, name)] for name in names]
        best = max(round(100 * mean(s), 1) for s in scores if s)
        cells = [spread(s) if s else 'missing' for s in scores]
        lines.append(
            [scenario]
            + [
                f'**{cell}**' if s and round(100 * mean(s), 1) == best else cell
                for s, cell in zip(scores, cells, strict=True)
            ]
        )
    return align(lines)


def _left_out(runs: list[dict]) -> str:
    """Every scenario, tuned without it and with it."""
    header = ['left out', 'original', 'tuned without it', 'tuned with it', 'kept', 'seeds']
    lines, means = [], []
    (original,) = runs_of(runs, 'original')
    for scenario in artificial():
        without = [run['art'][scenario] for run in runs if run['left_out'] == scenario]
        whole = [run['art'][scenario] for run in runs_of(runs, LORA)]
        if not without or not whole:
            continue
        row = original['art'][scenario], mean(without), mean(whole)
        means.append(row)
        lines.append(
            [scenario, f'{100 * row[0]:.1f}', spread(without), spread(whole), kept(row)]
            + [str(len(without))]
        )
    if means:
        row = tuple(mean(column) for column in zip(*means, strict=True))
        cells = [f'{100 * value:.1f}' for value in row]
        lines.append(['**mean**', *cells, kept(row), ''])
    return align([header, *lines])


def kept(row: tuple[float, float, float]) -> str:
    """How much of the gain there is without the scenario, if there is any to keep."""
    original, without, whole = row
    if whole <= original:
        return '-'
    return f'{100 * (without - original) / (whole - original):.0f} %'


def runs_of(runs: list[dict], name: str) -> list[dict]:
    """The runs of an arm, one for each seed."""
    arm = ARMS[name]
    return [
        run
        for run in runs
        if (run['config'], run['shuffled']) == (arm.config, arm.shuffled)
        and run['left_out'] is None
    ]


def _test(name: str) -> str:
    """Which test of a run an arm reads."""
    return 'art' if ARMS[name].test == 'own' else ARMS[name].test


def spread(scores: list[float]) -> str:
    """Mean and, of several, standard deviation of scores in [0, 1], in points."""
    points = [100 * score for score in scores]
    text = f'{mean(points):.1f}'
    return text if len(points) < 2 else f'{text} ± {stdev(points):.1f}'


def _rounded(value: object) -> object:
    """Round every number, at any depth."""
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_rounded(v) for v in value]
    return round(value, ROUNDED) if isinstance(value, float) else value
