"""Count FLOPs. One FLOP is one multiply-add, as fvcore and MMEngine count."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry


def count_flops(call: Callable[[], object]) -> int:
    """Count the FLOPs of convolutions, linear layers and attention in a call.

    It runs once, uncompiled; a backward pass counts.
    """
    counter = _Counter()
    # The plain kernel, as fused ones of some devices are not counted.
    with torch.compiler.set_stance('force_eager'), sdpa_kernel(SDPBackend.MATH), counter:
        call()
    return counter.flops // 2


def _convolution_backward_flops(
    grad_out: Tensor, x: Tensor, weight: Tensor, *args, out_val: object
) -> int:
    """Count the backward pass of a convolution; PyTorch counts grouped ones as dense."""
    *_, transposed, _, _, (to_input, to_weight, _) = args  # of aten's schema
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
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        formula = FORMULAS.get(func._overloadpacket)
        if formula is not None:
            self.flops += formula(*args, **kwargs, out_val=out)
        return out
