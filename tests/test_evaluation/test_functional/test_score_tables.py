"""Scores as tables and as JSON."""

import json

import pytest

from tests.test_evaluation import synthetic
from vlpose_mm.evaluation.functional.scenario_evaluation import ScenarioEvaluation
from vlpose_mm.evaluation.functional.score_tables import (
    as_dict,
    as_text,
    keypoint_table,
    score_table,
)

NAMES = list(synthetic.metainfo()['keypoint_id2name'].values())


def rows_of(text: str) -> dict[str, list[str]]:
    lines = [line.split() for line in text.splitlines()[2:] if line.strip()]
    return {line[0]: line[1:] for line in lines}


@pytest.mark.fast
def test_tables_have_every_subset_once_in_points(evaluation: ScenarioEvaluation) -> None:
    rows = rows_of(as_text(score_table(evaluation)))
    groups = [name for name in synthetic.GROUPS if name != 'photos']
    subsets = [*synthetic.CATEGORIES, *groups, 'natural', 'artificial', 'all']
    assert list(rows) == [*subsets, 'scenario_mean', 'group_mean', 'gap']
    *sketch, instances = evaluation.scores('sketch')
    assert rows['sketch'] == [*(f'{100 * v:.1f}' for v in sketch), str(instances)]
    assert rows['cosplay'] == ['-', '-', '-', '-', '0']
    assert rows['gap'] == [f'{100 * evaluation.gap():.1f}']

    text = as_text(keypoint_table(evaluation, NAMES))
    head, rows = text.splitlines()[0], rows_of(text)
    assert max(map(len, text.splitlines())) < 140 and '…' not in text
    assert head.count('L ') == head.count('R ') == 8 and list(rows) == subsets
    assert rows['relief'] == [f'{100 * v:.1f}' for v in evaluation.keypoint_oks('relief')]
    assert rows['cosplay'] == ['-'] * 17


def test_json_has_the_same_numbers(evaluation: ScenarioEvaluation) -> None:
    content, metrics = as_dict(evaluation, NAMES), evaluation.metrics()
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    for name, scores in content['subsets'].items():
        assert list(scores['keypoint_oks']) == NAMES
        assert scores == scores | evaluation.scores(name)._asdict()
    assert content['subsets']['cosplay']['keypoint_oks']['nose'] is None
    for mean in ('scenario_mean', 'group_mean'):
        assert content[mean]['AR'] == metrics[f'{mean}/AR']
    assert content['gap'] == metrics['gap/AP']
