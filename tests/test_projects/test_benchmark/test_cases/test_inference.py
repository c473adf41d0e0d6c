"""Predictions and their floor."""

import pytest
import torch

from projects.benchmark.cases.inference import inference_calls, measure
from projects.benchmark.conditions import Conditions
from projects.benchmark.model_pair import build_pair
from vlpose_mm.analysis.flops import count_flops


def base_flops() -> int:
    """FLOPs of the small ViTPose, by hand."""
    N, C, F = 8 * 6, 32, 64
    patches = N * 3 * 16 * 16 * C
    layer = N * C * 3 * C + 2 * N * N * C + N * C * C + 2 * N * C * F
    # A deconvolution spreads every value that goes in over 4 x 4 values of each channel.
    head = N * C * 16 * 16 + 4 * N * 16 * 16 * 16 + 16 * N * 16 * 17
    return patches + 3 * layer + head


def test_every_batch_size_and_output_has_its_rows_and_its_floor(bench_cfg: dict) -> None:
    found = list(measure(bench_cfg, Conditions(rounds=2, batch_sizes=(1, 2))))
    outputs = ('heatmaps', 'predict', 'predict with flip test')
    titles = [f'{output}, batch {size}' for size in (1, 2) for output in outputs]
    assert [comparison['title'] for comparison in found] == titles
    routes = ['base', 'original', 'tuned']
    assert [row['name'] for row in found[0]['rows']] == routes
    several = [*routes, 'one text prompt', 'mixed']
    assert [row['name'] for row in found[-1]['rows']] == several
    for comparison in found:
        assert all(len(row['samples']) == 2 for row in comparison['rows'])
    # FLOPs are those of one image.
    plain, decoded, flipped = found[3:]
    flops = {row['name']: row['flops'] for row in plain['rows']}
    assert flops['base'] == flops['original'] == base_flops()
    assert flops['tuned'] > flops['mixed'] > flops['base']
    for row, double in zip(decoded['rows'], flipped['rows'], strict=True):
        assert row['flops'] == flops[row['name']]
        if row['name'] in ('base', 'original'):
            assert double['flops'] == 2 * row['flops']


@pytest.mark.parametrize('flip', [False, True])
def test_each_call_takes_its_route(bench_cfg: dict, flip: bool) -> None:
    pair = build_pair(bench_cfg, Conditions())
    calls = inference_calls(pair, bench_cfg, Conditions(), 4, flip=flip)
    seen = []

    def note(module: torch.nn.Module, args: tuple, output: list) -> None:
        seen.append([sample.metainfo['pred_route'] for sample in output])
        assert module.test_cfg['flip_test'] is flip

    pair.vlpose.register_forward_hook(note)
    for name in ('tuned', 'original', 'mixed'):
        calls[name]()
    assert seen == [['tuned'] * 4, ['original'] * 4, ['tuned', 'original'] * 2]


@pytest.mark.parametrize('size', [1, 4])
def test_updates_are_merged_before_the_clock_starts(bench_cfg: dict, size: int) -> None:
    pair = build_pair(bench_cfg, Conditions())
    calls = inference_calls(pair, bench_cfg, Conditions(), size, 'tensor')
    for name in {'tuned', 'tuned' if size == 1 else 'one text prompt'}:
        calls[name]()
        assert count_flops(calls[name]) == count_flops(calls[name])
