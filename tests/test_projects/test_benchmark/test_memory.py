"""Memory against tensors made by hand."""

import pytest
import torch
from torch import nn

from projects.benchmark.memory import peak_bytes, state_bytes

CPU = torch.device('cpu')


@pytest.mark.fast
def test_the_peak_is_the_most_that_is_alive_at_once() -> None:
    kept = []

    def call() -> None:
        a = torch.empty(1000)
        b = torch.empty(3000)
        del a
        c = torch.empty(500)
        del b, c

    assert peak_bytes(call, CPU) == 4 * (1000 + 3000)
    for size in (1000, 200):
        assert peak_bytes(lambda n=size: kept.append(torch.empty(n)), CPU) == 4 * size
    assert peak_bytes(lambda: None, CPU) == 0


def test_the_peak_of_a_training_step_is_that_of_its_tensors() -> None:
    layer = nn.Linear(100, 100, bias=False)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9, foreach=False)
    x = torch.randn(1, 100)

    def steps() -> None:
        for _ in range(2):
            layer(x).sum().backward()
            optimizer.step()
            optimizer.zero_grad()

    # The gradient and the momentum, beside a few rows.
    assert peak_bytes(steps, CPU) == pytest.approx(2 * 4 * 100 * 100, rel=0.1)


def test_weights_and_statistics_count_once() -> None:
    norm = nn.BatchNorm1d(8)  # 2 parameters, 2 statistics, and a counter of 8 bytes.
    assert state_bytes(norm) == state_bytes(norm, nn.Sequential(norm)) == 4 * 4 * 8 + 8
