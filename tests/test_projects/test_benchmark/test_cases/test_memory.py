"""Peaks of memory."""

from projects.benchmark.cases.memory import measure
from projects.benchmark.conditions import Conditions
from projects.benchmark.memory import state_bytes
from projects.benchmark.model_pair import build_pair

CONDITIONS = Conditions(batch_sizes=(1, 2), train_batch_size=2)


def test_weights_gradients_and_the_optimizer_count(bench_cfg: dict) -> None:
    base, vlpose = build_pair(bench_cfg, CONDITIONS)
    found = list(measure(bench_cfg, CONDITIONS))
    assert found == list(measure(bench_cfg, CONDITIONS))
    assert [comparison['title'] for comparison in found] == [
        'peak memory of predict, batch 2',
        'peak memory of predict with flip test, batch 2',
        'peak memory of a training step, batch 2',
    ]
    assert {comparison['unit'] for comparison in found} == {'MiB'}
    predict, _, training = found
    peaks = {row['name']: row['median'] * 2**20 for row in predict['rows']}
    assert [*peaks] == ['base', 'original', 'tuned', 'one text prompt', 'mixed']
    assert peaks['base'] > state_bytes(base)
    assert peaks['original'] - peaks['base'] >= state_bytes(vlpose) - state_bytes(base)
    full, tuning = (row['median'] * 2**20 for row in training['rows'])
    # AdamW has two numbers of each parameter, and a gradient is a third.
    trained = sum(p.nbytes for p in vlpose.parameters() if p.requires_grad)
    assert full > 4 * sum(p.nbytes for p in base.parameters())
    assert tuning > state_bytes(vlpose) + 3 * trained
