"""Low-rank updates of a frozen backbone, steered by the words.

Not of the paper. A linear layer with weight W becomes, for an image with text prompt s, ::

    y = W x + U (c_s * D x),    c_s = 1 + G LayerNorm(mean of the text prompt's tokens)

with D and U of `LoRA <https://arxiv.org/abs/2106.09685>`_ (section 4.1) and one scale per
rank, so that each kind of image mixes the same updates in its own way. U and G start at
zero: at first nothing changes.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vlpose_mm.models.text_encoders.base import TextFeatures
from vlpose_mm.models.utils.cache import WeightCache, is_autocast

#: Scales of a layer's updates, or its merged weights, see :class:`LoRA`.
Updates = Tensor | tuple[Tensor, ...]
#: For how many images in a row a text prompt is the same before the updates are merged into
#: the weights, which takes about as long as it saves on as many.
MERGE_AFTER = 8


class LoRALinear(nn.Linear):
    """A linear layer with a low-rank update, which counts while there is an ``update``.

    Without one it is the stock layer. Its parameters ``lora_down`` (r x in) and
    ``lora_up`` (out x r) come from :class:`LoRA`.
    """

    update: Tensor | None = None
    """How much of each rank counts, B x 1 x r or 1 x 1 x r; or the weight with the update
    merged in, out x in."""

    def forward(self, x: Tensor) -> Tensor:
        """Run the layer.

        Args:
            x (Tensor): Tokens, B x N x in.

        Returns:
            Tensor: Tokens, B x N x out.
        """
        if self.update is None:
            return super().forward(x)
        if self.update.dim() == 2:
            return F.linear(x, self.update, self.bias)
        # In two thin steps: one with the sum of both weights would need the gradient of a
        # whole weight, and be another for every text prompt. In place, as a sum of its own
        # takes as long as both of them.
        y = super().forward(x.flatten(0, 1))  # BN, out
        down = F.linear(x, self.lora_down) * self.update  # B, N, r
        y.addmm_(down.flatten(0, 1).to(y.dtype), self.lora_up.t().to(y.dtype))
        return y.unflatten(0, x.shape[:2])  # B, N, out

    def merged(self, scales: Tensor) -> Tensor:
        """Merge the update into the weight.

        Args:
            scales (Tensor): How much of each rank counts, r.

        Returns:
            Tensor: The weight of one layer that does it all, out x in.
        """
        return torch.addmm(self.weight, self.lora_up * scales, self.lora_down)


class LoRA(nn.Module):
    """The low-rank updates of a backbone, and what the words have to say about them.

    Args:
        layers (Sequence[nn.Module]): Every linear layer in them gets an update; each of
            them has as many.
        rank (int): Rank r of each update, at least 1.
        text_dims (int, optional): Width D of the text tokens; ``None``: there are no words,
            and every scale is 1.

    Raises:
        ValueError: If the rank is no positive integer.
    """

    def __init__(
        self, layers: Sequence[nn.Module], rank: int, text_dims: int | None = None
    ) -> None:
        super().__init__()
        if not isinstance(rank, int) or isinstance(rank, bool) or rank < 1:
            raise ValueError(f'lora.rank must be an integer of at least 1, got {rank!r}.')
        self.rank = rank
        for layer in layers:
            layer.lora_linears = tuple(
                _with_update(m, rank) for m in layer.modules() if isinstance(m, nn.Linear)
            )
        # In a tuple, as they belong to the layers.
        self.linears = tuple(layer.lora_linears for layer in layers)
        self.shape = len(layers), len(layers[0].lora_linears), 1, rank
        self.scales_cache, self.weights_cache = WeightCache(), WeightCache()
        self._last_scales: Tensor | None = None
        self._num_alike = 0
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
            text_feats (TextFeatures, optional): Text of the batch; ``None``: every
                scale is 1.

        Returns:
            Sequence[Tensor | tuple[Tensor, ...]]: For each layer, how much of each rank
            counts, B x linear layers x 1 x r, where B is 1 for a single text prompt; or, at
            inference in float32 on the same text prompt for long, the merged weight of each
            linear layer, out x in.
        """
        scales = self._scales(x, text_feats)  # U, layers, linear layers, 1, r
        if self._worth_merging(scales, x):
            return self._merged(scales)
        # As large as the backbone.
        self.weights_cache.clear()
        return (scales if len(scales) == 1 else scales[text_feats.index]).unbind(1)

    def _scales(self, x: Tensor, text_feats: TextFeatures | None) -> Tensor:
        """How much of each rank counts for each text prompt; U is 1 without words."""
        if text_feats is None or self.steer is None:
            # Anything that moves with the others.
            source = self.linears[0][0].lora_down
            return self.scales_cache.get([source], lambda: x.new_ones(1, *self.shape))

        def steered() -> Tensor:
            mask = text_feats.attention_mask[..., None]  # U, L, 1
            mean = (text_feats.last_hidden_state * mask).sum(1) / mask.sum(1)  # U, D
            steered = self.steer(self.norm(mean.to(self.norm.weight.dtype)))
            return (1 + steered).unflatten(1, self.shape)

        return self.scales_cache.get(
            (text_feats.last_hidden_state, text_feats.attention_mask, *self.parameters()),
            steered,
        )

    def _worth_merging(self, scales: Tensor, x: Tensor) -> bool:
        """Count the images in a row with the same scales, where merging is possible.

        That is at inference in float32: with fewer digits a small update is lost in a large
        weight, and a prediction would depend on how many came before.
        """
        weight = self.linears[0][0].weight
        if self.training or torch.is_grad_enabled() or torch.compiler.is_compiling():
            return False
        if len(scales) > 1 or not x.dtype == weight.dtype == torch.float32:
            return False
        if is_autocast(x.device.type):
            return False
        if scales is not self._last_scales:
            self._last_scales, self._num_alike = scales, 0
        self._num_alike += len(x)
        return self._num_alike >= MERGE_AFTER

    def _merged(self, scales: Tensor) -> list[tuple[Tensor, ...]]:
        """The weights of all linear layers for one text prompt."""
        sources = [p for layer in self.linears for m in layer for p in m.parameters()]
        return self.weights_cache.get(
            [scales, *sources],
            lambda: [
                tuple(m.merged(s) for m, s in zip(layer, own[:, 0], strict=True))
                for layer, own in zip(self.linears, scales[0], strict=True)
            ],
        )


@contextmanager
def updated(linears: Sequence[LoRALinear], updates: Updates | None) -> Iterator[None]:
    """Let the updates of a layer count inside a ``with`` block.

    Args:
        linears (Sequence[LoRALinear]): The linear layers in it.
        updates (Tensor | tuple[Tensor, ...], optional): Of each, scales, B x linear layers
            x 1 x r, or merged weights; ``None``: the frozen layer alone.
    """
    try:
        if updates is not None:
            own = updates.unbind(1) if isinstance(updates, Tensor) else updates
            for linear, update in zip(linears, own, strict=True):
                linear.update = update
        yield
    finally:
        for linear in linears:
            linear.update = None


def _with_update(linear: nn.Linear, rank: int) -> LoRALinear:
    """Give a linear layer an update that changes nothing at first."""
    linear.__class__ = LoRALinear
    down = torch.randn(rank, linear.in_features) * linear.in_features**-0.5
    linear.lora_down = nn.Parameter(down)
    linear.lora_up = nn.Parameter(torch.zeros(linear.out_features, rank))
    return linear


def make_lora(layers: Sequence[nn.Module], settings: dict | None) -> LoRA | None:
    """Make what a backbone's ``lora`` says.

    Args:
        layers (Sequence[nn.Module]): The layers of the backbone.
        settings (dict, optional): The config's value: ``rank``; the estimator adds
            ``text_dims``.

    Returns:
        LoRA | None: ``None`` if there shall be none.

    Raises:
        ValueError: If a key is unknown or missing, or a value is out of range.
    """
    if settings is None:
        return None
    given = settings
    if isinstance(settings, dict):
        given = {k: v for k, v in settings.items() if k != 'text_dims'}
    if not isinstance(given, dict) or given.keys() != {'rank'}:
        raise ValueError(
            'backbone.lora takes rank, the rank of the updates, and nothing else, such as '
            f'dict(rank=16); got {given!r}.'
        )
    return LoRA(layers, **settings)


def is_lora(name: str) -> bool:
    """Whether a parameter belongs to low-rank updates.

    Args:
        name (str): Its name, from a backbone's or the whole model's root.

    Returns:
        bool: Whether it does.
    """
    return f'.{name}'.startswith(('.lora.', '.backbone.lora.')) or '.lora_' in name
