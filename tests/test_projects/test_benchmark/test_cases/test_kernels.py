"""Operations of predictions and training steps."""

from projects.benchmark.cases.kernels import measure
from projects.benchmark.conditions import Conditions


def test_operations_are_counted_alike_each_time(bench_cfg: dict) -> None:
    conditions = Conditions(batch_sizes=(2,), train_batch_size=2, dtype='bf16')
    found = list(measure(bench_cfg, conditions))
    assert found == list(measure(bench_cfg, conditions))
    heatmaps, training = found
    assert heatmaps['title'] == 'operations of heatmaps, batch 2'
    assert training['title'] == 'operations of a training step, batch 2'
    counts = {row['name']: row['median'] for row in heatmaps['rows']}
    assert [*counts] == ['base', 'original', 'tuned', 'one text prompt', 'mixed']
    assert counts['original'] < counts['base'] < counts['mixed']
    assert counts['one text prompt'] < counts['tuned'] < counts['mixed']
