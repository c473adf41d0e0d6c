"""Low-rank updates of a frozen backbone, steered by the words.

Not of the paper. A linear layer with weight W becomes, for a picture with sentence s, ::

    y = W x + U (c_s * D x),    c_s = 1 + G LayerNorm(mean of the sentence's tokens)

with D and U of `LoRA <https://arxiv.org/abs/2106.09685>`_ (section 4.1) and one scale per
rank, so that each kind of picture mixes the same updates in its own way. U and G start at
zero: at first nothing changes.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vlpose_mm.models.text_features import TextFeatures


class LoRALinear(nn.Linear):
    """A linear layer with a low-rank update, which counts while there are ``scales``.

    Without them it is the stock layer. Its parameters ``lora_down`` (r x in) and
    ``lora_up`` (out x r) come from :class:`LoRA`.
    """

    scales: Tensor | None = None
    """How much of each rank counts, B x 1 x r or 1 x 1 x r."""

    def forward(self, x: Tensor) -> Tensor:
        """Run the layer.

        Args:
            x (Tensor): Tokens, B x N x in.

        Returns:
            Tensor: Tokens, B x N x out.
        """
        y = super().forward(x)
        if self.scales is None:
            return y
        # In two thin steps: one with the sum of both weights would need the gradient of a
        # whole weight, and be another for every sentence.
        return y + F.linear(F.linear(x, self.lora_down) * self.scales, self.lora_up)


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
                _updated(m, rank) for m in layer.modules() if isinstance(m, nn.Linear)
            )
        self.shape = len(layers), len(layers[0].lora_linears), 1, rank
        self.norm = self.steer = None
        if text_dims is not None:
            self.norm = nn.LayerNorm(text_dims)
            self.steer = nn.Linear(text_dims, math.prod(self.shape))
            nn.init.zeros_(self.steer.weight)
            nn.init.zeros_(self.steer.bias)

    def forward(self, x: Tensor, text: TextFeatures | None) -> tuple[Tensor, ...]:
        """Compute how much of each rank counts.

        Args:
            x (Tensor): What the backbone computes with; of its dtype and device.
            text (TextFeatures, optional): The sentences of the batch; ``None``: every
                scale is 1.

        Returns:
            tuple[Tensor, ...]: For each layer, B x linear layers x 1 x r; B is 1 without
            words.
        """
        if text is None or self.steer is None:
            return x.new_ones(1, *self.shape).unbind(1)
        mask = text.mask[..., None]  # U, L, 1
        mean = (text.tokens * mask).sum(1) / mask.sum(1)  # U, D
        steered = self.steer(self.norm(mean.to(self.norm.weight.dtype)))[text.index]
        return (1 + steered).unflatten(1, self.shape).unbind(1)


@contextmanager
def scaled(linears: Sequence[LoRALinear], scales: Tensor | None) -> Iterator[None]:
    """Let the updates of a layer count inside a ``with`` block.

    Args:
        linears (Sequence[LoRALinear]): The linear layers in it.
        scales (Tensor, optional): Of each, B x linear layers x 1 x r; ``None``: the
            frozen layer alone.
    """
    try:
        if scales is not None:
            for linear, own in zip(linears, scales.unbind(1), strict=True):
                linear.scales = own
        yield
    finally:
        for linear in linears:
            linear.scales = None


def _updated(linear: nn.Linear, rank: int) -> LoRALinear:
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
