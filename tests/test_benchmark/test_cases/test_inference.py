"""Predictions: who is compared, and on what floor."""

import pytest
import torch

from vlpose_mm.benchmark.cases.inference import calls_before, inference_calls, measure
from vlpose_mm.benchmark.conditions import Conditions
from vlpose_mm.benchmark.contestants import build_pair
from vlpose_mm.models.multiply_accumulates import count_macs


def stock_macs() -> int:
    """Multiply-accumulates of the small stock ViTPose, by hand."""
    N, C, F = 8 * 6, 32, 64
    patches = N * 3 * 16 * 16 * C
    layer = N * C * 3 * C + 2 * N * N * C + N * C * C + 2 * N * C * F
    # A deconvolution spreads every value that goes in over 4 x 4 values of each channel.
    head = N * C * 16 * 16 + 4 * N * 16 * 16 * 16 + 16 * N * 16 * 17
    return patches + 3 * layer + head


def test_every_batch_size_and_question_has_its_contestants(bench_cfg: dict) -> None:
    conditions = Conditions(rounds=2, batch_sizes=(1, 2))
    found = list(measure(bench_cfg, conditions))
    assert [comparison['title'] for comparison in found] == [
        'heatmaps, batch 1',
        'predict, batch 1',
        'predict with flip test, batch 1',
        'heatmaps, batch 2',
        'predict, batch 2',
        'predict with flip test, batch 2',
    ]
    routes = ['stock', 'original', 'tuned']
    lora = bench_cfg['model']['backbone'].get('lora')
    assert [row['name'] for row in found[0]['rows']] == routes
    several = ['one sentence'] * (lora is not None) + ['mixed']
    assert [row['name'] for row in found[-1]['rows']] == [*routes, *several]
    for comparison in found:
        assert all(len(row['samples']) == 2 for row in comparison['rows'])


def test_the_floor_is_counted_of_one_picture(bench_cfg: dict) -> None:
    conditions = Conditions(rounds=1, batch_sizes=(2,))
    plain, decoded, flipped = measure(bench_cfg, conditions)
    macs = {row['name']: row['macs'] for row in plain['rows']}
    assert macs['stock'] == macs['original'] == stock_macs()
    assert macs['tuned'] > macs['mixed'] > macs['stock']
    for row, double in zip(decoded['rows'], flipped['rows'], strict=True):
        assert row['macs'] == macs[row['name']]
        if row['name'] in ('stock', 'original'):
            assert double['macs'] == 2 * row['macs']


@pytest.mark.parametrize('flip', [False, True])
def test_each_call_goes_its_way(bench_cfg: dict, flip: bool) -> None:
    pair = build_pair(bench_cfg, Conditions())
    calls = inference_calls(pair, bench_cfg, Conditions(), 4, flip=flip)
    seen = []

    def note(module: torch.nn.Module, args: tuple, kwargs: dict, output: list) -> None:
        seen.append([sample.metainfo['pred_route'] for sample in output])
        assert module.test_cfg['flip_test'] is flip

    pair.vlpose.register_forward_hook(note, with_kwargs=True)
    for name in ('tuned', 'original', 'mixed'):
        calls[name]()
    assert seen == [['tuned'] * 4, ['original'] * 4, ['tuned', 'original'] * 2]


def test_nothing_is_left_to_count_for_what_is_remembered(bench_cfg: dict) -> None:
    pair = build_pair(bench_cfg, Conditions())
    call = inference_calls(pair, bench_cfg, Conditions(), 1, 'tensor')['tuned']
    call()
    assert count_macs(call) == count_macs(call)


@pytest.mark.parametrize('size', [1, 2, 4, 8])
def test_updates_are_merged_before_the_clock_starts(bench_cfg: dict, size: int) -> None:
    pair = build_pair(bench_cfg, Conditions())
    calls = inference_calls(pair, bench_cfg, Conditions(), size, 'tensor')
    call = calls['tuned' if size == 1 else 'one sentence']
    for _ in range(calls_before(pair, size)):
        call()
    settled = count_macs(call)
    for _ in range(10):
        call()
    assert count_macs(call) == settled
