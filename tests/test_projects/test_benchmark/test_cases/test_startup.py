"""Fresh processes."""

import pytest

from projects.benchmark.cases import startup
from projects.benchmark.conditions import Conditions


@pytest.mark.slow
def test_phases_of_fresh_processes_add_up(
    bench_cfg: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(startup, 'WARM_UP', 0)
    measured = startup.measure(bench_cfg, Conditions(rounds=1))
    found = {comparison['title']: comparison['rows'] for comparison in measured}
    assert [*found] == ['import', 'build', 'first prediction', 'all']
    for index, name in enumerate(('base', 'VLPose')):
        rows = {title: rows[index] for title, rows in found.items()}
        assert {row['name'] for row in rows.values()} == {name}
        total = rows.pop('all')['median']
        assert sum(row['median'] for row in rows.values()) == pytest.approx(total)


def test_a_process_that_fails_says_why(
    bench_cfg: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(startup, 'PROGRAM', 'projects.nowhere')
    with pytest.raises(RuntimeError, match='starts VLPose failed:\n.*No module named'):
        list(startup.measure(bench_cfg, Conditions(rounds=1)))
