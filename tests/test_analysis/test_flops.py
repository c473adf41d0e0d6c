"""count_flops against formulas and PyTorch's counter."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from vlpose_mm.analysis.flops import count_flops


@pytest.mark.parametrize('frozen', [False, True])
def test_counts_a_backward_pass(frozen: bool) -> None:
    B, D, H, C = 7, 3, 5, 2
    first, second = nn.Linear(D, H), nn.Linear(H, C)
    first.requires_grad_(not frozen)
    x = torch.randn(B, D)
    forward = B * D * H + B * H * C
    backward = B * H * C  # weight of the second
    if not frozen:
        backward += B * H * C + B * D * H  # what enters the second, weight of the first
    flops = count_flops(lambda: second(first(x).relu()).sum().backward())
    assert flops == forward + backward


def test_counts_attention() -> None:
    B, heads, N, D = 2, 3, 5, 4
    q, k, v = torch.randn(3, B, heads, N, D)
    flops = count_flops(lambda: F.scaled_dot_product_attention(q, k, v))
    assert flops == 2 * B * heads * N * N * D


def test_equals_pytorchs_counter() -> None:
    layers = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2), nn.ConvTranspose2d(8, 4, 4, 2, 1), nn.Flatten(2)
    )
    x = torch.randn(2, 3, 9, 9)
    counter = FlopCounterMode(display=False)
    with counter:
        layers(x).sum().backward()
    assert count_flops(lambda: layers(x).sum().backward()) == counter.get_total_flops() // 2


@pytest.mark.parametrize('frozen', [False, True])
def test_a_grouped_convolution_is_not_a_dense_one(frozen: bool) -> None:
    B, C, groups, size = 2, 6, 3, 8
    conv = nn.Conv2d(C, C, 3, padding=1, groups=groups)
    conv.weight.requires_grad_(not frozen)
    x = torch.randn(B, C, size, size, requires_grad=True)
    once = B * C * size * size * (C // groups) * 3 * 3
    flops = count_flops(lambda: conv(x).sum().backward())
    assert flops == (2 if frozen else 3) * once


def test_counts_parts_of_a_parameter_without_gradients() -> None:
    linear, table = nn.Linear(3, 5), nn.Parameter(torch.randn(2, 7, 3))

    @torch.no_grad()
    def call() -> None:
        for part in table:
            linear(part)

    assert count_flops(call) == 2 * 7 * 3 * 5


def test_counts_compiled_code() -> None:
    linear = nn.Linear(3, 5)
    linear.compile()
    assert count_flops(lambda: linear(torch.randn(7, 3))) == 7 * 3 * 5


def test_counts_a_product_added_in_place() -> None:
    a, b, y = torch.randn(7, 3), torch.randn(3, 5), torch.randn(7, 5)
    assert count_flops(lambda: y.addmm_(a, b)) == 7 * 3 * 5
