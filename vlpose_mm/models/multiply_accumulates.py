"""Count the arithmetic of a model, which no clock and no other process can blur."""

from collections.abc import Callable

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode


def count_macs(call: Callable[[], object]) -> int:
    """Count the multiply-accumulates of convolutions, linear layers and attention.

    Args:
        call (Callable): What is counted; it runs once, uncompiled.

    Returns:
        int: The count, that of a backward pass included.
    """
    # PyTorch counts the sum of a product and a tensor, but not where it is in place.
    in_place = {torch.ops.aten.addmm_: lambda y, a, b, **kwargs: 2 * a[0] * a[1] * b[1]}
    counter = FlopCounterMode(display=False, custom_mapping=in_place)
    # The fused kernels of some devices are not counted, the plain one is everywhere.
    with torch.compiler.set_stance('force_eager'), sdpa_kernel(SDPBackend.MATH), counter:
        call()
    return counter.get_total_flops() // 2
