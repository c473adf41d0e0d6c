"""Turns are taken and timed."""

import time

import pytest
import torch

from projects.benchmark.timing import alternate, stopwatch


@pytest.mark.fast
def test_model_pairs_take_turns_in_both_orders() -> None:
    order = []
    calls = {name: lambda name=name: order.append(name) for name in 'abc'}
    alternate(calls, 2, lambda call: call(), warm_up=1)
    assert ''.join(order) == 'cba' + 'abc' + 'cba'


def test_warm_up_does_not_count() -> None:
    costs = iter(range(100))
    calls = dict(a=lambda: next(costs), b=lambda: next(costs))
    measured = alternate(calls, 2, lambda call: call(), warm_up=2)
    # Rounds: a b, b a, then a b, b a.
    assert measured == dict(a=[4, 7], b=[5, 6])


def test_a_clock_waits_for_its_call() -> None:
    assert stopwatch(torch.device('cpu'))(lambda: time.sleep(0.01)) >= 0.01
