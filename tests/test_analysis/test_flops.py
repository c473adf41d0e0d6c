"""count_flops against formulas and PyTorch's counter."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from vlpose_mm.analysis.flops import count_flops


@pytest.mark.parametrize('frozen', [False, True])
def test_counts_the_backward_passes_that_gradients_need(frozen: bool) -> None:
    B, D, H, C = 7, 3, 5, 2
    first, second, x = nn.Linear(D, H), nn.Linear(H, C), torch.randn(B, D)
    first.requires_grad_(not frozen)
    # Once, the weight of the second, its input and the weight of the first.
    expected = B * D * H + 2 * B * H * C + (0 if frozen else B * H * C + B * D * H)
    flops = count_flops(lambda: second(first(x).relu()).sum().backward())
    assert flops == expected

    # A grouped convolution is not a dense one.
    conv = nn.Conv2d(6, 6, 3, padding=1, groups=3)
    conv.weight.requires_grad_(not frozen)
    x = torch.randn(2, 6, 8, 8, requires_grad=True)
    once = 2 * 6 * 8 * 8 * (6 // 3) * 3 * 3
    flops = count_flops(lambda: conv(x).sum().backward())
    assert flops == (2 if frozen else 3) * once


def test_equals_pytorchs_counter() -> None:
    layers = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2), nn.ConvTranspose2d(8, 4, 4, 2, 1), nn.Flatten(2)
    )
    x = torch.randn(2, 3, 9, 9)
    with FlopCounterMode(display=False) as counter:
        layers(x).sum().backward()
    assert count_flops(lambda: layers(x).sum().backward()) == counter.get_total_flops() // 2


def attention() -> None:
    F.scaled_dot_product_attention(*torch.randn(3, 2, 3, 5, 4))


@torch.no_grad()
def parts_of_a_parameter() -> None:
    linear, table = nn.Linear(3, 5), nn.Parameter(torch.randn(2, 7, 3))
    for part in table:
        linear(part)


def compiled() -> None:
    linear = nn.Linear(3, 5)
    linear.compile()
    linear(torch.randn(7, 3))


def in_place() -> None:
    torch.randn(7, 5).addmm_(torch.randn(7, 3), torch.randn(3, 5))


@pytest.mark.parametrize(
    ('call', 'expected'),
    [
        (attention, 2 * 2 * 3 * 5 * 5 * 4),
        (parts_of_a_parameter, 2 * 7 * 3 * 5),
        (compiled, 7 * 3 * 5),
        (in_place, 7 * 3 * 5),
    ],
)
def test_counts_what_other_counters_miss(call: Callable, expected: int) -> None:
    assert count_flops(call) == expected
