"""Turns are taken and timed."""

import time

import pytest
import torch

from projects.benchmark.timing import alternate, stopwatch


@pytest.mark.fast
def test_calls_take_turns_in_both_orders_and_warm_up_does_not_count() -> None:
    order = []
    calls = {name: lambda name=name: order.append(name) or len(order) for name in 'abc'}
    costs = alternate(calls, 2, lambda call: call(), warm_up=1)
    assert ''.join(order) == 'cba' + 'abc' + 'cba'
    assert costs == dict(a=[4, 9], b=[5, 8], c=[6, 7])


def test_a_clock_waits_for_its_call() -> None:
    assert stopwatch(torch.device('cpu'))(lambda: time.sleep(0.01)) >= 0.01
