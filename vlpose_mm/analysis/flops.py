"""Count FLOPs. One FLOP is one multiply-add, as fvcore and MMEngine count."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry


def count_flops(call: Callable[[], object]) -> int:
    """Count the FLOPs of convolutions, linear layers and attention.

    Args:
        call (Callable): The function to count; it runs once, uncompiled.

    Returns:
        int: FLOPs, including those of a backward pass. One FLOP is one multiply-add.
    """
    counter = _Counter()
    # The plain kernel, as fused ones of some devices are not counted.
    with torch.compiler.set_stance('force_eager'), sdpa_kernel(SDPBackend.MATH), counter:
        call()
    return counter.flops // 2


def _convolution_backward_flops(
    grad_out: Tensor,
    x: Tensor,
    weight: Tensor,
    bias_sizes: Sequence[int] | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
    output_mask: Sequence[bool],
    out_val: object,
) -> int:
    """Count the backward pass of a convolution; PyTorch counts grouped ones as dense."""
    to_input, to_weight, _ = output_mask
    once = (x if transposed else grad_out).numel() * weight[0].numel()
    return 2 * once * (to_input + to_weight)


FORMULAS = {
    **flop_registry,
    # PyTorch counts only the version that is not in place.
    torch.ops.aten.addmm_: flop_registry[torch.ops.aten.addmm],
    torch.ops.aten.convolution_backward: _convolution_backward_flops,
}


class _Counter(TorchDispatchMode):
    """Count floating-point operations.

    PyTorch's ``FlopCounterMode`` also tracks modules, and fails if one gets a part of a
    parameter under ``no_grad``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flops = 0

    def __torch_dispatch__(
        self,
        func: torch._ops.OpOverload,
        types: tuple,
        args: tuple = (),
        kwargs: dict | None = None,
    ) -> object:
        """Run an operator, and count it if it has a formula."""
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        formula = FORMULAS.get(func._overloadpacket)
        if formula is not None:
            self.flops += formula(*args, **kwargs, out_val=out)
        return out
