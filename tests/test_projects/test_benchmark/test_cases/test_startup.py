"""Fresh processes."""

import pytest

from projects.benchmark.cases.startup import measure
from projects.benchmark.conditions import Conditions


@pytest.mark.slow
def test_phases_of_fresh_processes_add_up(bench_cfg: dict) -> None:
    found = {c['title']: c for c in measure(bench_cfg, Conditions(rounds=1))}
    assert [*found] == ['import', 'build', 'first prediction', 'all']
    for index, name in enumerate(('base', 'VLPose')):
        rows = {title: comparison['rows'][index] for title, comparison in found.items()}
        assert {row['name'] for row in rows.values()} == {name}
        total = rows.pop('all')['median']
        assert sum(row['median'] for row in rows.values()) == pytest.approx(total)


@pytest.mark.slow
def test_a_process_that_fails_says_why(bench_cfg: dict) -> None:
    bench_cfg['model']['text_encoder']['path'] = 'gone.pth'
    with pytest.raises(RuntimeError, match='No file of text features at gone.pth'):
        list(measure(bench_cfg, Conditions(rounds=1)))
