"""Scores by scenario as tables and as JSON."""

from collections.abc import Sequence

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.table import Table

from vlpose_mm.evaluation.functional.scenario_evaluation import ScenarioEvaluation, Scores
from vlpose_mm.evaluation.functional.scenario_groups import ALL, GAP, MEANS


def score_table(evaluation: ScenarioEvaluation) -> Table:
    """Return a table of the scores of every subset, in points."""
    table = _table('in points', Scores._fields)
    if evaluation.num_cut:
        table.caption = (
            f'{evaluation.num_cut} results do not count, beyond the '
            f'{evaluation.max_results} best of their image.'
        )

    rows = [[(n, evaluation.scores(n)) for n in s] for s in _sections(evaluation)]
    groupings = zip(MEANS, (evaluation.scenarios, evaluation.groups), strict=True)
    rows.append([(name, evaluation.mean_scores(subsets)) for name, subsets in groupings])
    for section in rows:
        for name, (*values, instances) in section:
            table.add_row(name, *map(_points, values), str(instances))
        if section is not rows[-1]:
            table.add_section()
    gap = evaluation.gap()
    if gap is not None:
        table.add_row(GAP, f'{100 * gap:.1f}')
    return table


def keypoint_table(evaluation: ScenarioEvaluation, names: Sequence[str]) -> Table:
    """Return a table of the OKS of each keypoint on every subset, in points."""
    table = _table('OKS, in points', [_short(name) for name in names])
    for subsets in _sections(evaluation):
        for name in subsets:
            table.add_row(name, *map(_points, evaluation.keypoint_oks(name)))
        table.add_section()
    return table


def as_text(*tables: Table) -> str:
    """Render tables for a log."""
    console = Console(width=160, color_system=None)
    with console.capture() as capture:
        console.print(Group(*tables))
    return '\n'.join(line.rstrip() for line in capture.get().splitlines())


def as_dict(evaluation: ScenarioEvaluation, names: Sequence[str]) -> dict:
    """Return all numbers, ready for JSON.

    Returns:
        dict: ``subsets``: name -> scores in [0, 1], or -1 without instances, ``instances``
        and ``keypoint_oks``, keypoint -> OKS or ``None``; ``scenario_mean`` and
        ``group_mean``; ``gap``: natural minus artificial AP, or ``None``; and ``num_cut``:
        results that do not count, as their image has too many.
    """
    subsets = {}
    for name in dict.fromkeys(sum(_sections(evaluation), [])):
        oks = evaluation.keypoint_oks(name).tolist()
        oks = [None if np.isnan(value) else value for value in oks]
        scores = evaluation.scores(name)._asdict()
        subsets[name] = dict(scores, keypoint_oks=dict(zip(names, oks, strict=True)))
    groupings = zip(MEANS, (evaluation.scenarios, evaluation.groups), strict=True)
    means = {name: evaluation.mean_scores(g)._asdict() for name, g in groupings}
    return dict(subsets=subsets, **means, gap=evaluation.gap(), num_cut=evaluation.num_cut)


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(
        title, box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0)
    )
    for column in columns:
        table.add_column(column, justify='right', no_wrap=True)
    return table


def _sections(evaluation: ScenarioEvaluation) -> list[list[str]]:
    """Return the subsets in order; photos are both a scenario and a group."""
    scenarios = list(evaluation.scenarios)
    groups = [name for name in evaluation.groups if name not in scenarios]
    return [names for names in (scenarios, groups, [*evaluation.domains, ALL]) if names]


def _points(value: float) -> str:
    """Format a score in points; -1 and NaN are missing."""
    return f'{100 * value:.1f}' if value >= 0 else '-'


def _short(name: str) -> str:
    """Shorten a keypoint name, such as left_shoulder to L sho."""
    side, _, rest = name.partition('_')
    return f'{side[0].upper()} {rest[:3]}' if rest else name[:5]
