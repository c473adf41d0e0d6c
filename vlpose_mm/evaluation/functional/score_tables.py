"""Scores by scenario, for people to read and ready for JSON."""

from collections.abc import Sequence

import numpy as np

from vlpose_mm.evaluation.functional.scenario_evaluation import ScenarioEvaluation, Scores
from vlpose_mm.evaluation.functional.scenario_groups import ALL, GAP, MEANS


def score_table(evaluation: ScenarioEvaluation) -> str:
    """Lay out the scores of every part.

    Args:
        evaluation (ScenarioEvaluation): The scores.

    Returns:
        str: Lines of scores in points; ``-`` where there are no people.
    """
    *names, people = Scores._fields
    head = ''.join(f'{name:>8}' for name in names)
    head = f'{"in points":<20}{head}{people:>10}'
    lines = [head]

    def row(name: str, scores: Scores) -> str:
        *values, people = scores
        points = ''.join(f'{_points(value):>8}' for value in values)
        return f'{name:<20}{points}{people:>10}'

    for parts in _blocks(evaluation):
        lines += ['-' * len(head)]
        lines += [row(name, evaluation.scores(name)) for name in parts]
    for mean, parts in zip(MEANS, (evaluation.scenarios, evaluation.groups), strict=True):
        lines += [row(mean, evaluation.mean_scores(parts))]
    gap = evaluation.gap()
    if gap is not None:
        lines += [f'{GAP:<20}{100 * gap:>8.1f}']
    return '\n'.join(lines)


def keypoint_table(evaluation: ScenarioEvaluation, names: Sequence[str]) -> str:
    """Lay out the OKS of each keypoint on every part.

    Args:
        evaluation (ScenarioEvaluation): The scores.
        names (Sequence[str]): Of the keypoints.

    Returns:
        str: Lines of OKS in points; ``-`` where the keypoint is nowhere labeled.
    """
    heads = ''.join(f'{_short(name):>6}' for name in names)
    lines = [f'{"OKS, in points":<20}{heads}']
    for parts in _blocks(evaluation):
        lines += ['-' * len(lines[0])]
        for part in parts:
            values = map(_points, evaluation.keypoint_oks(part))
            lines += [f'{part:<20}' + ''.join(f'{value:>6}' for value in values)]
    return '\n'.join(lines)


def as_dict(evaluation: ScenarioEvaluation, names: Sequence[str]) -> dict:
    """Make all numbers ready for JSON.

    Args:
        evaluation (ScenarioEvaluation): The scores.
        names (Sequence[str]): Of the keypoints.

    Returns:
        dict: ``parts``: name -> the scores, in [0, 1] or -1 where there are no people,
        ``people`` and ``keypoint_oks``, keypoint -> OKS or ``None``; ``scenario_mean``
        and ``group_mean``; ``gap``: natural minus artificial AP or ``None``.
    """
    parts = {}
    for name in dict.fromkeys(name for block in _blocks(evaluation) for name in block):
        oks = evaluation.keypoint_oks(name).tolist()
        oks = [None if np.isnan(value) else value for value in oks]
        scores = evaluation.scores(name)._asdict()
        parts[name] = dict(scores, keypoint_oks=dict(zip(names, oks, strict=True)))
    groupings = (evaluation.scenarios, evaluation.groups)
    means = {
        mean: evaluation.mean_scores(grouping)._asdict()
        for mean, grouping in zip(MEANS, groupings, strict=True)
    }
    return dict(parts=parts, **means, gap=evaluation.gap())


def _blocks(evaluation: ScenarioEvaluation) -> list[list[str]]:
    """Names of parts as they stand together; photos are a scenario and a group."""
    scenarios = list(evaluation.scenarios)
    groups = [name for name in evaluation.groups if name not in scenarios]
    return [block for block in (scenarios, groups, [*evaluation.sides, ALL]) if block]


def _points(value: float) -> str:
    """Write a score in points; -1 and NaN stand for none."""
    return f'{100 * value:.1f}' if value >= 0 else '-'


def _short(name: str) -> str:
    """Shorten the name of a keypoint, such as left_shoulder to L sho."""
    side, _, rest = name.partition('_')
    return f'{side[0].upper()} {rest[:3]}' if rest else name[:5]
