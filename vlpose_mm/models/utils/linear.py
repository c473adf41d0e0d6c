"""Linear layers whose weights autocast converts once instead of in every call."""

import mmcv.cnn
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vlpose_mm.models.utils.cache import WeightCache, is_autocast
from vlpose_mm.models.utils.modules import replace_modules


class CastOnceLinear(nn.Linear):
    """A linear layer that caches what autocast makes of its weights.

    Autocast converts weight and bias in every call; on a GPU, both together take longer to
    launch than the layer itself. What is cached, in training frozen weights alone, follows
    :class:`WeightCache`. The layer computes the same to the last bit.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.cast_cache = WeightCache()

    def forward(self, x: Tensor) -> Tensor:
        """Run the layer, from ... x in to ... x out."""
        return F.linear(x, *self.cast_weights())

    def cast_weights(self) -> tuple[Tensor, Tensor | None]:
        """Weight and bias as the layer computes with them."""
        dtype = autocast_dtype(self.weight)
        if dtype is None:
            return self.weight, self.bias
        if self.bias is None:
            return self.cast_cache.get([self.weight], lambda: (self.weight.to(dtype), None))
        return self.cast_cache.get(
            [self.weight, self.bias],
            lambda: (self.weight.to(dtype), self.bias.to(dtype)),
        )


def cast_once(root: nn.Module) -> None:
    """Let autocast convert the weights of all linear layers inside a module once."""
    plain = (nn.Linear, mmcv.cnn.Linear)
    linears = [module for module in root.modules() if type(module) in plain]
    for linear in replace_modules(root, linears, CastOnceLinear).values():
        linear.cast_cache = WeightCache().train(linear.training)


def weights_of(linear: nn.Linear) -> tuple[Tensor, Tensor | None]:
    """Weight and bias that a linear layer computes with."""
    if isinstance(linear, CastOnceLinear):
        return linear.cast_weights()
    return linear.weight, linear.bias


def autocast_dtype(weight: Tensor) -> torch.dtype | None:
    """Return what autocast converts a weight to, if it does and not in compiled code."""
    device = weight.device.type
    if weight.dtype != torch.float32 or torch.compiler.is_compiling():
        return None
    return torch.get_autocast_dtype(device) if is_autocast(device) else None
