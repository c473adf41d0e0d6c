"""Numbers for people and for programs."""

import json
from pathlib import Path

import pytest

from tests.test_evaluation import synthetic
from vlpose_mm.evaluation.functional.coco_files import evaluate_file
from vlpose_mm.evaluation.functional.scenario_evaluation import ScenarioEvaluation
from vlpose_mm.evaluation.functional.score_tables import (
    as_dict,
    keypoint_table,
    score_table,
)

NAMES = list(synthetic.metainfo()['keypoint_id2name'].values())


@pytest.fixture
def evaluation(tmp_path: Path) -> ScenarioEvaluation:
    content = synthetic.annotations()
    ann_file = synthetic.write(content, tmp_path / 'ann.json')
    found = synthetic.write(synthetic.results(content), tmp_path / 'found.json')
    return evaluate_file(ann_file, found)


def test_a_table_has_every_part_once_and_a_dash_where_nobody_is(
    evaluation: ScenarioEvaluation,
) -> None:
    rows = [line.split() for line in score_table(evaluation).splitlines()[1:]]
    rows = {row[0]: row[1:] for row in rows if not row[0].startswith('--')}
    groups = [name for name in synthetic.GROUPS if name != 'photos']
    assert list(rows) == [
        *synthetic.CATEGORIES,
        *groups,
        *('natural', 'artificial', 'all'),
        *('scenario_mean', 'group_mean', 'gap'),
    ]
    sketch = evaluation.scores('sketch')
    expected = [f'{100 * value:.1f}' for value in sketch[:4]]
    assert rows['sketch'] == [*expected, str(sketch.people)]
    assert rows['cosplay'] == ['-', '-', '-', '-', '0']
    assert rows['gap'] == [f'{100 * evaluation.gap():.1f}']


def test_a_table_of_keypoints_stays_narrow(evaluation: ScenarioEvaluation) -> None:
    head, _, *lines = keypoint_table(evaluation, NAMES).splitlines()
    assert max(map(len, [head, *lines])) < 130
    assert head.split('  ')[-1] and head.count('L ') == head.count('R ') == 8
    rows = {line.split()[0]: line.split()[1:] for line in lines if '--' not in line}
    expected = [f'{100 * value:.1f}' for value in evaluation.keypoint_oks('relief')]
    assert rows['relief'] == expected
    assert rows['cosplay'] == ['-'] * 17


def test_programs_get_the_same_numbers_in_plain_json(
    evaluation: ScenarioEvaluation,
) -> None:
    found = as_dict(evaluation, NAMES)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    metrics = evaluation.metrics()
    for part, scores in found['parts'].items():
        assert list(scores['keypoint_oks']) == NAMES
        for key in ('AP', 'AP50', 'AP75', 'AR', 'people'):
            assert part == 'all' or scores[key] == metrics[f'{part}/{key}']
    assert found['parts']['cosplay']['keypoint_oks']['nose'] is None
    assert found['scenario_mean']['AP'] == metrics['scenario_mean/AP']
    assert found['group_mean']['AR'] == metrics['group_mean/AR']
    assert found['gap'] == metrics['gap/AP']
