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

    def add_row(name: str, scores: Scores) -> None:
        *values, instances = scores
        table.add_row(name, *map(_points, values), str(instances))

    for subsets in _sections(evaluation):
        for name in subsets:
            add_row(name, evaluation.scores(name))
        table.add_section()
    for mean, subsets in zip(MEANS, (evaluation.scenarios, evaluation.groups), strict=True):
        add_row(mean, evaluation.mean_scores(subsets))
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

    Args:
        evaluation (ScenarioEvaluation): The evaluation.
        names (Sequence[str]): Keypoint names.

    Returns:
        dict: ``subsets``: name -> scores in [0, 1], or -1 without instances, ``instances``
        and ``keypoint_oks``, keypoint -> OKS or ``None``; ``scenario_mean`` and
        ``group_mean``; ``gap``: natural minus artificial AP, or ``None``.
    """
    subsets = {}
    for name in dict.fromkeys(sum(_sections(evaluation), [])):
        oks = evaluation.keypoint_oks(name).tolist()
        oks = [None if np.isnan(value) else value for value in oks]
        scores = evaluation.scores(name)._asdict()
        subsets[name] = dict(scores, keypoint_oks=dict(zip(names, oks, strict=True)))
    scenario_mean, group_mean = (
        evaluation.mean_scores(names)._asdict()
        for names in (evaluation.scenarios, evaluation.groups)
    )
    means = dict(scenario_mean=scenario_mean, group_mean=group_mean)
    return dict(subsets=subsets, **means, gap=evaluation.gap())


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
