"""The table says what was measured."""

import pytest
from rich.console import Console

from projects.benchmark.comparison import compare
from projects.benchmark.report_table import report_table

REPORT = dict(
    config='mine.py',
    input_size=[192, 256],
    settings=dict(dtype='bf16', compiled=True, rounds=3),
    machine=dict(device='An Accelerator', threads=2),
    versions=dict(python='3', torch='2'),
)


def lines(**cases: list[dict]) -> list[str]:
    console = Console(width=160)
    with console.capture() as capture:
        console.print(report_table(dict(REPORT, cases=cases)))
    return [line.rstrip() for line in capture.get().splitlines()]


@pytest.mark.fast
def test_times_stand_beside_the_floor() -> None:
    samples = dict(base=[100.0, 100.0, 100.0], tuned=[110.0, 120.0, 130.0])
    flops = dict(base=100, tuned=111)
    found = compare('predict, batch 1', 'ms per image', samples, flops, per_image=True)
    *head, titles, base, tuned = lines(inference=[found])
    assert head == [
        'mine.py, input 192 x 256 (width x height)',
        'An Accelerator, threads: 2, bf16, compiled, rounds: 3',
        'python 3, torch 2',
        '',
        'inference: predict, batch 1',
    ]
    columns = 'ms per image quartiles images/s to base quartiles floor to floor'
    assert titles.split() == columns.split()
    assert base.split() == 'base 100.0 100.0 - 100.0 10.00 1.000'.split()
    row = 'tuned 120.0 115.0 - 125.0 8.333 1.200 1.150 - 1.250 1.110 1.081'
    assert tuned.split() == row.split()


def test_columns_without_a_number_are_omitted() -> None:
    found = compare('peak', 'MiB', dict(base=[2000.0], tuned=[1.0]), note='Exact.')
    assert [line.split() for line in lines(memory=[found], text=[])[4:]] == [
        ['memory:', 'peak'],
        ['MiB', 'to', 'base'],
        ['base', '2000'],
        ['tuned', '1.000', '0.05%'],
        ['Exact.'],
        [],
        ['text:', 'this', 'model', 'has', 'none'],
    ]
