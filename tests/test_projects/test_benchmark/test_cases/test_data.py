"""Loading: pipelines, files, and the evaluation."""

import multiprocessing

import pytest

from projects.benchmark.cases import annotations, data, end_to_end, evaluation, pipelines
from projects.benchmark.conditions import Conditions


def rows(comparison: dict) -> list[str]:
    return [row['name'] for row in comparison['rows']]


def test_pipelines_stand_beside_the_model(bench_cfg: dict) -> None:
    conditions = Conditions(rounds=1, batch_sizes=(1, 2), train_batch_size=2)
    val, train = data.measure(bench_cfg, conditions)
    assert rows(val) == ['predict, batch 2', 'pipeline of validation']
    assert rows(train) == ['tuning step, batch 2', 'pipeline of training']
    for found in (val, train):
        assert found['unit'] == 'ms per image'
        assert 'synthetic images' in found['note']


def test_images_come_from_files_with_and_without_workers(bench_cfg: dict) -> None:
    found = list(end_to_end.measure(bench_cfg, Conditions(rounds=1, batch_sizes=(2,))))
    workers = [comparison['title'].split(', ')[1] for comparison in found]
    assert workers == ['0 workers', '1 worker', '2 workers']
    for comparison in found:
        assert rows(comparison) == ['base', 'original', 'tuned']
        assert all(row['images_per_second'] > 0 for row in comparison['rows'])
        assert comparison['note'].startswith('Loaded: 8 instances; synthetic images')


def test_every_step_of_both_pipelines_is_timed(
    bench_cfg: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipelines, 'NUM_INSTANCES', 2)
    monkeypatch.setattr(pipelines, 'SIZES', ((120, 90),))
    train, val = pipelines.measure(bench_cfg, Conditions(rounds=2))
    assert (train['title'], val['title']) == ('train pipeline', 'val pipeline')
    assert rows(train)[:2] == ['MMPose', 'ours']
    assert {'MMPose: PackPoseInputs', 'ours: AssignTextPrompt'} <= {*rows(train)}
    assert 'MMPose: AssignTextPrompt' not in rows(train)
    whole, steps = train['rows'][1], [r for r in train['rows'] if 'ours: ' in r['name']]
    assert whole['samples'][0] == pytest.approx(sum(row['samples'][0] for row in steps))


@pytest.mark.slow
def test_both_datasets_read_a_file_in_fresh_processes(
    bench_cfg: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Both processes start where the imports are done.
    forkserver = multiprocessing.get_context('forkserver')
    forkserver.set_forkserver_preload([annotations.__name__])
    monkeypatch.setattr(annotations, 'get_context', lambda _: forkserver)
    monkeypatch.setattr(annotations, 'NUM_IMAGES', 4)
    found = list(annotations.measure(bench_cfg, Conditions(rounds=1, train_batch_size=2)))
    assert [comparison['title'] for comparison in found] == [
        'reading',
        'records in memory',
        'peak memory',
        'first batch of 2, 0 workers',
        'first batch of 2, 2 workers',
    ]
    for comparison in found:
        assert rows(comparison) == ['MMPose', 'ours']
        assert comparison['note'].startswith('4 images, ')


def test_metrics_and_parts_of_the_evaluation_are_timed(
    bench_cfg: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, 'SIZES', (21, 42))
    found = list(evaluation.measure(bench_cfg, Conditions(rounds=1)))
    titles = [
        f'{part}{n} images' for n in (21, 42) for part in ('metrics, ', 'evaluation of ')
    ]
    assert [comparison['title'] for comparison in found] == titles
    assert rows(found[0]) == ['CocoMetric', 'ScenarioCocoMetric']
    assert "COCO's matching" in rows(found[1])
