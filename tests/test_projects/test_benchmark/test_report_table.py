"""The table says what was measured."""

from projects.benchmark.comparison import compare
from projects.benchmark.report_table import report_table

REPORT = dict(
    config='mine.py',
    input_size=[192, 256],
    settings=dict(dtype='bf16', compiled=True, rounds=3),
    machine=dict(device='An Accelerator', threads=2),
    versions=dict(python='3', torch='2'),
)


def test_lays_times_out_beside_the_floor() -> None:
    samples = dict(stock=[100.0, 100.0, 100.0], tuned=[110.0, 120.0, 130.0])
    flops = dict(stock=100, tuned=111)
    found = compare('predict, batch 1', 'ms per image', samples, flops, per_image=True)
    table = report_table(dict(REPORT, cases=dict(inference=[found])))
    assert table.splitlines() == [
        'mine.py, input 192 x 256 (width x height)',
        'An Accelerator, threads: 2, bf16, compiled, rounds: 3',
        'python 3, torch 2',
        '',
        'inference: predict, batch 1',
        '       ms per image      quartiles  images/s  to stock      quartiles'
        '  floor  to floor',
        'stock           100.0  100.0 - 100.0       10.00                           1.000',
        'tuned           120.0  115.0 - 125.0       8.333     1.200  1.150 - 1.250'
        '  1.110     1.081',
    ]


def test_leaves_away_what_was_not_measured() -> None:
    found = compare('peak', 'MiB', dict(stock=[2000.0], tuned=[1.0]), note='Exact.')
    table = report_table(dict(REPORT, cases=dict(memory=[found], text=[])))
    assert table.splitlines()[4:] == [
        'memory: peak',
        '         MiB  to stock',
        'stock   2000',
        'tuned  1.000     0.05%',
        'Exact.',
        '',
        'text: this model has none',
    ]
