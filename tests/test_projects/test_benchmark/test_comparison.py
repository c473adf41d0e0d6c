"""Ratios are those of rounds."""

import json

import pytest

from projects.benchmark.comparison import compare


@pytest.mark.fast
def test_ratios_are_those_of_each_round() -> None:
    samples = dict(base=[1.0, 10.0, 4.0], tuned=[2.0, 30.0, 4.0])
    found = compare('x', 's', samples, dict(base=100, tuned=120), note='why')
    assert json.loads(json.dumps(found)) == found
    base, tuned = found['rows']
    assert base['ratio'] is base['to_floor'] is base['images_per_second'] is None
    assert (base['floor'], tuned['flops'], tuned['floor']) == (1.0, 120, 1.2)
    # The ratio of the medians would be 1.
    spread = dict(samples=[2.0, 3.0, 1.0], median=2.0, lower=1.5, upper=2.5)
    assert tuned['ratio'] == spread
    assert tuned['to_floor'] == pytest.approx(2 / 1.2)


def test_times_per_image_have_a_rate() -> None:
    (row,) = compare('x', 'ms per image', dict(base=[4.0]), per_image=True)['rows']
    assert row['images_per_second'] == 250


def test_rows_have_the_same_rounds() -> None:
    with pytest.raises(ValueError, match='zip'):
        compare('x', 's', dict(base=[1.0, 2.0], tuned=[1.0]))
