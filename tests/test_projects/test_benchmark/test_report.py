"""Cases, and what they need of a config."""

import json
from importlib.metadata import version

import pytest

from projects.benchmark.conditions import Conditions
from projects.benchmark.report import NEEDS, benchmark


def test_says_what_was_measured_with_what(bench_cfg: dict) -> None:
    conditions = Conditions(rounds=1, batch_sizes=(2,), dtype='bf16')
    report = benchmark(bench_cfg, conditions, ['inference'])
    assert json.loads(json.dumps(report)) == report
    assert report['input_size'] == [96, 128]
    assert report['settings'] == dict(
        dtype='bf16', compiled=False, rounds=1, batch_sizes=[2], train_batch_size=8
    )
    assert report['versions']['torch'] == version('torch')
    assert [*report['cases']] == ['inference']


def test_names_what_a_case_misses_before_anything_is_measured(bench_cfg: dict) -> None:
    for case, keys in NEEDS.items():
        for key in keys:
            cfg = {name: part for name, part in bench_cfg.items() if name != key}
            with pytest.raises(ValueError, match=f'no `{key}`, which the case {case!r}'):
                benchmark(cfg, Conditions(rounds=1), ['inference', case])
