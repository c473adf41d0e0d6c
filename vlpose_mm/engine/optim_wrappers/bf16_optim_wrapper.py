"""Mixed precision in bfloat16 on any device."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from mmengine.runner import autocast
from mmpose.registry import OPTIM_WRAPPERS
from torch import nn


@OPTIM_WRAPPERS.register_module()
class Bf16OptimWrapper(OptimWrapper):
    """Run the forward pass in bfloat16, whose range needs no loss scaling.

    :class:`mmengine.optim.AmpOptimWrapper` refuses to train on a CPU, where bfloat16 is
    more than twice as fast as float32 if the CPU has instructions for it.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Enter the contexts of a training step."""
        with super().optim_context(model), autocast(dtype=torch.bfloat16):
            yield
