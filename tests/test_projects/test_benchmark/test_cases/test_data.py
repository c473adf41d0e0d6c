"""Loading: pipelines, files, and the evaluation."""

import pytest

from projects.benchmark.cases import annotations, data, end_to_end, evaluation, pipelines
from projects.benchmark.conditions import Conditions


def test_pipelines_stand_beside_the_model(bench_cfg: dict) -> None:
    conditions = Conditions(rounds=2, batch_sizes=(1, 2), train_batch_size=2)
    val, train = data.measure(bench_cfg, conditions)
    names = [[row['name'] for row in found['rows']] for found in (val, train)]
    assert names[0] == ['predict, batch 2', 'pipeline of validation']
    assert names[1] == ['tuning step, batch 2', 'pipeline of training']
    for found in (val, train):
        assert found['unit'] == 'ms per image'
        assert 'synthetic images' in found['note']


def test_images_come_from_files_with_and_without_workers(bench_cfg: dict) -> None:
    found = list(end_to_end.measure(bench_cfg, Conditions(rounds=1, batch_sizes=(2,))))
    workers = [comparison['title'].split(', ')[1] for comparison in found]
    assert workers == ['0 workers', '1 worker', '2 workers']
    for comparison in found:
        names = [row['name'] for row in comparison['rows']]
        assert names == ['base', 'original', 'tuned']
        assert all(row['images_per_second'] > 0 for row in comparison['rows'])
        assert comparison['note'].startswith('Loaded: 8 instances; synthetic images')


def test_every_step_of_both_pipelines_is_timed(
    bench_cfg: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipelines, 'NUM_INSTANCES', 2)
    train, val = pipelines.measure(bench_cfg, Conditions(rounds=2))
    assert (train['title'], val['title']) == ('train pipeline', 'val pipeline')
    names = [row['name'] for row in train['rows']]
    assert names[:2] == ['MMPose', 'ours']
    assert {'MMPose: PackPoseInputs', 'ours: AssignTextPrompt'} <= {*names}
    assert 'MMPose: AssignTextPrompt' not in names
    whole, steps = train['rows'][1], [r for r in train['rows'] if 'ours: ' in r['name']]
    assert whole['samples'][0] == pytest.approx(sum(row['samples'][0] for row in steps))


@pytest.mark.slow
def test_both_datasets_read_a_file_in_fresh_processes(
    bench_cfg: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(annotations, 'NUM_IMAGES', 40)
    found = list(annotations.measure(bench_cfg, Conditions(rounds=1, train_batch_size=2)))
    assert [comparison['title'] for comparison in found] == [
        'reading',
        'records in memory',
        'peak memory',
        'first batch of 2, 0 workers',
        'first batch of 2, 2 workers',
    ]
    for comparison in found:
        assert [row['name'] for row in comparison['rows']] == ['MMPose', 'ours']
        assert comparison['note'].startswith('40 images, ')


def test_metrics_and_parts_of_the_evaluation_are_timed(
    bench_cfg: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, 'SIZES', (21, 42))
    found = list(evaluation.measure(bench_cfg, Conditions(rounds=2)))
    assert [comparison['title'] for comparison in found] == [
        'metrics, 21 images',
        'evaluation of 21 images',
        'metrics, 42 images',
        'evaluation of 42 images',
    ]
    names = [row['name'] for row in found[0]['rows']]
    assert names == ['CocoMetric', 'ScenarioCocoMetric']
    assert "COCO's matching" in [row['name'] for row in found[1]['rows']]
