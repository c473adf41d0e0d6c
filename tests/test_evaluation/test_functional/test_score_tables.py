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
def test_the_score_table_has_every_subset_once(evaluation: ScenarioEvaluation) -> None:
    rows = rows_of(as_text(score_table(evaluation)))
    assert list(rows) == [
        *synthetic.CATEGORIES,
        *(name for name in synthetic.GROUPS if name != 'photos'),
        *('natural', 'artificial', 'all'),
        *('scenario_mean', 'group_mean', 'gap'),
    ]
    *sketch, instances = evaluation.scores('sketch')
    assert rows['sketch'] == [*(f'{100 * v:.1f}' for v in sketch), str(instances)]
    assert rows['cosplay'] == ['-', '-', '-', '-', '0']
    assert rows['gap'] == [f'{100 * evaluation.gap():.1f}']


def test_the_keypoint_table_is_narrow(evaluation: ScenarioEvaluation) -> None:
    text = as_text(keypoint_table(evaluation, NAMES))
    head = text.splitlines()[0]
    assert max(map(len, text.splitlines())) < 140 and '…' not in text
    assert head.count('L ') == head.count('R ') == 8
    rows = rows_of(text)
    oks = evaluation.keypoint_oks('relief')
    assert rows['relief'] == [f'{100 * value:.1f}' for value in oks]
    assert rows['cosplay'] == ['-'] * 17


def test_json_has_the_same_numbers(evaluation: ScenarioEvaluation) -> None:
    content = as_dict(evaluation, NAMES)
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    metrics = evaluation.metrics()
    for name, scores in content['subsets'].items():
        assert list(scores['keypoint_oks']) == NAMES
        for key in ('AP', 'AP50', 'AP75', 'AR', 'instances'):
            assert name == 'all' or scores[key] == metrics[f'{name}/{key}']
    assert content['subsets']['cosplay']['keypoint_oks']['nose'] is None
    for mean in ('scenario_mean', 'group_mean'):
        assert content[mean]['AR'] == metrics[f'{mean}/AR']
    assert content['gap'] == metrics['gap/AP']
