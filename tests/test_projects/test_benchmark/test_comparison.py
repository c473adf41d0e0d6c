"""Ratios are those of rounds."""

import json

import pytest

from projects.benchmark.comparison import compare


@pytest.mark.fast
def test_ratios_are_those_of_each_round() -> None:
    samples = dict(base=[1.0, 10.0, 4.0], tuned=[2.0, 30.0, 4.0])
    base, tuned = compare('x', 's', samples)['rows']
    assert base['ratio'] is None
    assert tuned['ratio']['samples'] == [2.0, 3.0, 1.0]
    # The ratio of the medians would be 1.
    assert tuned['ratio']['median'] == 2.0
    assert (tuned['ratio']['lower'], tuned['ratio']['upper']) == (1.5, 2.5)


def test_the_floor_is_the_ratio_of_flops() -> None:
    samples, flops = dict(base=[2.0], tuned=[3.0]), dict(base=100, tuned=120)
    base, tuned = compare('x', 's', samples, flops)['rows']
    assert (base['floor'], base['to_floor']) == (1.0, None)
    assert tuned['flops'] == 120
    assert tuned['floor'] == pytest.approx(1.2)
    assert tuned['to_floor'] == pytest.approx(1.5 / 1.2)


def test_times_per_image_have_a_rate() -> None:
    (row,) = compare('x', 'ms per image', dict(base=[4.0]), per_image=True)['rows']
    assert row['images_per_second'] == 250
    (row,) = compare('x', 'MiB', dict(base=[4.0]))['rows']
    assert row['images_per_second'] is None


def test_rows_have_the_same_rounds() -> None:
    with pytest.raises(ValueError, match='zip'):
        compare('x', 's', dict(base=[1.0, 2.0], tuned=[1.0]))


def test_is_ready_for_json() -> None:
    found = compare('x', 's', dict(a=[1.0, 2.0], b=[2.0, 2.0]), dict(a=1, b=2), note='why')
    assert json.loads(json.dumps(found)) == found
