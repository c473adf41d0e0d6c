"""Low-rank updates of a frozen backbone, steered by the text prompt.

Not of the paper. A linear layer with weight W becomes, for an image with text prompt s, ::

    y = W x + U (c_s * D x),    c_s = 1 + G LayerNorm(mean of the text prompt's tokens)

with D and U of `LoRA <https://arxiv.org/abs/2106.09685>`_ (section 4.1) and one scale per
rank, so that each kind of image mixes the same updates in its own way. U and G start at
zero: at first nothing changes.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vlpose_mm.models.text_encoders.base import TextFeatures
from vlpose_mm.models.utils.cache import WeightCache
from vlpose_mm.models.utils.linear import CastOnceLinear, autocast_dtype


class Fused(NamedTuple):
    """What a layer computes with in place of its own weights.

    Either the merged weight, or that of W and D in one product, for each scale.
    """

    weight: Tensor  # W + U (c_s * D), out x in; or W above D, (out + r) x in
    bias: Tensor | None
    up: Tensor | None = None  # U, transposed: r x out
    scales: Tensor | None = None  # c_s, (B or 1) x 1 x r


#: Scales of a layer's updates, or what its linear layers compute with, see :class:`LoRA`.
Updates = Tensor | tuple[Fused, ...]


class LoRALinear(CastOnceLinear):
    """A linear layer with a low-rank update, which counts while there is an ``update``.

    It has the parameters of ``linear``, which it replaces, and adds ``lora_down`` (r x in)
    and ``lora_up`` (out x r).
    """

    #: How much of each rank counts, (B or 1) x 1 x r; or what to compute with.
    update: Tensor | Fused | None = None

    def __init__(self, linear: nn.Linear, rank: int) -> None:
        in_dims, out_dims = linear.in_features, linear.out_features
        super().__init__(in_dims, out_dims, linear.bias is not None, device='meta')
        self.weight, self.bias = linear.weight, linear.bias
        self.lora_down = nn.Parameter(torch.randn(rank, in_dims) * in_dims**-0.5)
        self.lora_up = nn.Parameter(torch.zeros(out_dims, rank))

    @staticmethod
    def adapter_params() -> list[str]:
        """List the parameters that this layer adds."""
        return ['lora_down', 'lora_up']

    def forward(self, x: Tensor) -> Tensor:
        """Run the layer, from B x N x in to B x N x out."""
        if self.update is None:
            return super().forward(x)
        if isinstance(self.update, Fused):
            return self._forward_fused(x, self.update)
        dtype = autocast_dtype(self.weight)
        if dtype is not None:
            # Once for both products.
            x = x.to(dtype)
        # In two thin steps, as the sum of both weights needs the gradient of a whole weight
        # and differs by text prompt; in place, as a separate sum takes as long as both.
        y = super().forward(x.flatten(0, 1))  # BN, out
        down = F.linear(x, self.lora_down) * self.update  # B, N, r
        y.addmm_(down.flatten(0, 1).to(y.dtype), self.lora_up.t().to(y.dtype))
        return y.unflatten(0, x.shape[:2])  # B, N, out

    def _forward_fused(self, x: Tensor, fused: Fused) -> Tensor:
        """Run the layer with few operations, without gradients."""
        y = F.linear(x, fused.weight, fused.bias)
        if fused.scales is None:
            return y
        down = y.narrow(-1, self.out_features, len(self.lora_down)) * fused.scales
        y = y.narrow(-1, 0, self.out_features)  # B, N, out
        y.flatten(0, 1).addmm_(down.flatten(0, 1), fused.up)
        return y

    def merged(self, scales: Tensor) -> Fused:
        """Compute W + U (scales * D) for scales r, and round it once."""
        dtype = autocast_dtype(self.weight) or self.weight.dtype
        exact = torch.promote_types(self.weight.dtype, torch.float32)
        weights = self.weight, self.lora_up * scales, self.lora_down
        with torch.autocast(self.weight.device.type, enabled=False):
            weight = torch.addmm(*(tensor.to(exact) for tensor in weights)).to(dtype)
        return Fused(weight, None if self.bias is None else self.bias.to(dtype))

    def joined(self) -> Fused:
        """Put D below W, for one product under autocast."""
        dtype = autocast_dtype(self.weight)
        weight = torch.cat([self.weight, self.lora_down]).to(dtype)
        # Kernels want rows that are a multiple of 16 bytes apart.
        weight = F.pad(weight, (0, 0, 0, -len(weight) % 8))
        bias = self.bias
        if bias is not None:
            bias = F.pad(bias.to(dtype), (0, len(weight) - len(bias)))
        return Fused(weight, bias, self.lora_up.t().to(dtype))


class LoRA(nn.Module):
    """The low-rank updates of a backbone, and how the text prompt steers them.

    Args:
        layers (Sequence[nn.Module]): The backbone's layers, with equally many linear layers
            in each, which :class:`LoRALinear` replaces.
        rank (int): Rank r of each update, at least 1.
        text_dims (int, optional): Width D of the text tokens; ``None``: there is no text,
            and every scale is 1.

    Raises:
        ValueError: If the rank is not a positive integer.
    """

    def __init__(
        self, layers: Sequence[nn.Module], rank: int, text_dims: int | None = None
    ) -> None:
        super().__init__()
        if not isinstance(rank, int) or isinstance(rank, bool) or rank < 1:
            raise ValueError(f'lora.rank must be an integer of at least 1, got {rank!r}.')
        self.rank = rank
        for layer in layers:
            names = [name for name, m in layer.named_modules() if isinstance(m, nn.Linear)]
            for name in names:
                layer.set_submodule(name, LoRALinear(layer.get_submodule(name), rank))
            layer.lora_linears = tuple(layer.get_submodule(name) for name in names)
        # In a tuple, as they belong to the layers.
        self.linears = tuple(layer.lora_linears for layer in layers)
        self.shape = len(layers), len(layers[0].lora_linears), 1, rank
        self.scales_cache, self.merged_cache = WeightCache(), WeightCache()
        self.joined_cache = WeightCache()
        self.is_merged = False
        self.norm = self.steer = None
        if text_dims is not None:
            self.norm = nn.LayerNorm(text_dims)
            self.steer = nn.Linear(text_dims, math.prod(self.shape))
            nn.init.zeros_(self.steer.weight)
            nn.init.zeros_(self.steer.bias)

    def forward(self, x: Tensor, text_feats: TextFeatures | None) -> Sequence[Updates]:
        """Compute the updates for the text prompts of a batch.

        Args:
            x (Tensor): What the backbone computes with; of its dtype and device.
            text_feats (TextFeatures, optional): Text of the batch; scales are 1 without.

        Returns:
            Sequence[Tensor | tuple[Fused, ...]]: For each layer, how much of each rank
            counts, (B or 1) x linear layers x 1 x r; or what its linear layers compute
            with, where all of the batch have the text prompt of :meth:`merge`, and under
            autocast without gradients.
        """
        scales = self._scales(x, text_feats)  # U, layers, linear layers, 1, r
        merged = self._merged_for(scales)
        if merged is not None:
            return merged
        own = scales if len(scales) == 1 else scales[text_feats.index]
        dtype = autocast_dtype(self.linears[0][0].weight)
        if dtype is None:
            return own.unbind(1)
        own = own.to(dtype)
        if self.training or torch.is_grad_enabled():
            return own.unbind(1)
        joined = self.joined_cache.get(
            self._weights(), lambda: [[m.joined() for m in layer] for layer in self.linears]
        )
        return [
            tuple(
                m._replace(scales=s) for m, s in zip(layer, scales.unbind(1), strict=True)
            )
            for layer, scales in zip(joined, own.unbind(1), strict=True)
        ]

    @torch.no_grad()
    def merge(self, text_feats: TextFeatures | None) -> None:
        """Merge the updates for one text prompt into a copy of the frozen weights.

        It serves the dtype that it was computed for, so that of autocast if that is on.
        """
        if self.training:
            raise ValueError('Only a model in eval mode can be merged; call model.eval().')
        scales = self._scales(self.linears[0][0].weight, text_feats)
        if self._merged_for(scales) is not None:
            return
        weights = [
            tuple(m.merged(s) for m, s in zip(layer, own[:, 0], strict=True))
            for layer, own in zip(self.linears, scales[0], strict=True)
        ]
        self.unmerge()
        self.merged_cache.get(self._weights(), lambda: [scales, weights])
        self.is_merged = True

    def unmerge(self) -> None:
        """Drop the merged weights."""
        self.merged_cache.clear()
        self.is_merged = False

    def _scales(self, x: Tensor, text_feats: TextFeatures | None) -> Tensor:
        """How much of each rank counts for each text prompt; U is 1 without text."""
        if text_feats is None or self.steer is None:
            # Anything that moves with the others.
            source = self.linears[0][0].lora_down
            return self.scales_cache.get([source], lambda: x.new_ones(1, *self.shape))

        def steered() -> Tensor:
            weights = text_feats.weights[..., None]  # U, L, 1
            mean = (text_feats.last_hidden_state * weights).sum(1) / weights.sum(1)  # U, D
            steered = self.steer(self.norm(mean.to(self.norm.weight.dtype)))
            return (1 + steered).unflatten(1, self.shape)

        sources = text_feats.last_hidden_state, text_feats.weights
        return self.scales_cache.get((*sources, *self.parameters()), steered)

    def _merged_for(self, scales: Tensor) -> list[tuple[Fused, ...]] | None:
        """The merged weights, where they are valid and of these scales."""
        if not self.is_merged or len(scales) > 1 or torch.compiler.is_compiling():
            return None
        # There is nothing else to store where a weight has changed.
        merged = self.merged_cache.get(self._weights(), lambda: None)
        if merged is None:
            return None
        if scales is not merged[0]:
            if not torch.equal(scales, merged[0]):
                return None
            # Found by identity from now on, without waiting for the device.
            merged[0] = scales
        return merged[1]

    def _weights(self) -> list[Tensor]:
        """What merged and joined weights are computed from, besides scales."""
        return [p for layer in self.linears for m in layer for p in m.parameters()]


@contextmanager
def updated(linears: Sequence[LoRALinear], updates: Updates | None) -> Iterator[None]:
    """Let the updates of a layer count inside a ``with`` block."""
    try:
        if updates is not None:
            own = updates.unbind(1) if isinstance(updates, Tensor) else updates
            for linear, update in zip(linears, own, strict=True):
                linear.update = update
        yield
    finally:
        for linear in linears:
            linear.update = None


def make_lora(layers: Sequence[nn.Module], settings: dict | None) -> LoRA | None:
    """Build what a backbone's ``lora`` says; the estimator adds ``text_dims`` to it."""
    if settings is None:
        return None
    own = settings
    if isinstance(settings, dict):
        own = {key: value for key, value in settings.items() if key != 'text_dims'}
    if not isinstance(own, dict) or own.keys() != {'rank'}:
        raise ValueError(
            'backbone.lora takes rank, the rank of the updates, and nothing else, such as '
            f'dict(rank=16); got {own!r}.'
        )
    return LoRA(layers, **settings)
