"""Ratios are those of rounds."""

import json

import pytest

from vlpose_mm.benchmark.comparison import compare


def test_ratios_are_those_of_each_round() -> None:
    samples = dict(stock=[1.0, 10.0, 4.0], tuned=[2.0, 30.0, 4.0])
    stock, tuned = compare('x', 's', samples)['rows']
    assert stock['ratio'] is None
    assert tuned['ratio']['samples'] == [2.0, 3.0, 1.0]
    # The ratio of the medians would be 1.
    assert tuned['ratio']['median'] == 2.0
    assert (tuned['ratio']['lower'], tuned['ratio']['upper']) == (1.5, 2.5)


def test_the_floor_is_the_ratio_of_multiply_accumulates() -> None:
    samples, macs = dict(stock=[2.0], tuned=[3.0]), dict(stock=100, tuned=120)
    stock, tuned = compare('x', 's', samples, macs)['rows']
    assert (stock['floor'], stock['to_floor']) == (1.0, None)
    assert tuned['macs'] == 120
    assert tuned['floor'] == pytest.approx(1.2)
    assert tuned['to_floor'] == pytest.approx(1.5 / 1.2)


def test_rates_are_told_of_times_per_picture() -> None:
    (row,) = compare('x', 'ms per picture', dict(stock=[4.0]), per_picture=True)['rows']
    assert row['pictures_per_second'] == 250
    (row,) = compare('x', 'MiB', dict(stock=[4.0]))['rows']
    assert row['pictures_per_second'] is None


def test_contestants_are_measured_in_the_same_rounds() -> None:
    with pytest.raises(ValueError, match='zip'):
        compare('x', 's', dict(stock=[1.0, 2.0], tuned=[1.0]))


def test_is_ready_for_json() -> None:
    found = compare('x', 's', dict(a=[1.0, 2.0], b=[2.0, 2.0]), dict(a=1, b=2), note='why')
    assert json.loads(json.dumps(found)) == found
