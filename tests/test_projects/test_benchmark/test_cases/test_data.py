"""Loading beside computing."""

from projects.benchmark.cases.data import measure
from projects.benchmark.conditions import Conditions


def test_pipelines_stand_beside_the_model(bench_cfg: dict) -> None:
    conditions = Conditions(rounds=2, batch_sizes=(1, 2), train_batch_size=2)
    val, train = measure(bench_cfg, conditions)
    names = [[row['name'] for row in found['rows']] for found in (val, train)]
    assert names[0] == ['predict, batch 2', 'pipeline of validation']
    assert names[1] == ['tuning step, batch 2', 'pipeline of training']
    for found in (val, train):
        assert found['unit'] == 'ms per image'
        assert 'synthetic images' in found['note']
