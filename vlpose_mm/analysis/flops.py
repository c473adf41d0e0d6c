"""Count the arithmetic of a model, which no clock and no other process can blur."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry


def count_flops(call: Callable[[], object]) -> int:
    """Count the FLOPs of convolutions, linear layers and attention.

    Args:
        call (Callable): What is counted; it runs once, uncompiled.

    Returns:
        int: The count, that of a backward pass included.
    """
    counter = _Counter()
    # The fused kernels of some devices are not counted, the plain one is everywhere.
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
    """Count a convolution's backward pass; PyTorch takes grouped ones for dense."""
    to_input, to_weight, _ = output_mask
    once = (x if transposed else grad_out).numel() * weight[0].numel()
    return 2 * once * (to_input + to_weight)


FORMULAS = {
    **flop_registry,
    # PyTorch counts it where it is not in place.
    torch.ops.aten.addmm_: flop_registry[torch.ops.aten.addmm],
    torch.ops.aten.convolution_backward: _convolution_backward_flops,
}


class _Counter(TorchDispatchMode):
    """Counts floating-point operations.

    PyTorch's ``FlopCounterMode`` also tells them by module, and fails where a module is
    given a part of a parameter under ``no_grad``.
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
        """Run an operator and count it, if there is a formula for it."""
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        formula = FORMULAS.get(func._overloadpacket)
        if formula is not None:
            self.flops += formula(*args, **kwargs, out_val=out)
        return out
