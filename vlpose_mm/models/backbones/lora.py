"""Low-rank updates of a frozen backbone, steered by the words.

Not of the paper. A linear layer with weight W becomes, for a picture with sentence s, ::

    y = W x + U (c_s * D x),    c_s = 1 + G LayerNorm(mean of the sentence's tokens)

with D and U of `LoRA <https://arxiv.org/abs/2106.09685>`_ (section 4.1) and one scale per
rank, so that each kind of picture mixes the same updates in its own way. U and G start at
zero: at first nothing changes.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vlpose_mm.models.text_features import TextFeatures

KEYS = ('rank', 'text_dims')


class LoRALinear(nn.Linear):
    """A linear layer with a low-rank update, which counts while there are ``scales``.

    Without them it is the stock layer. Its parameters ``lora_down`` (r x in) and
    ``lora_up`` (out x r) are added by :class:`LoRA`.
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
    """The low-rank updates of some layers, and what the words have to say about them.

    Args:
        layers (nn.Module): Every linear layer in it gets an update.
        rank (int): Rank r of each update, at least 1.
        text_dims (int, optional): Width D of the text tokens; ``None``: there are no words,
            and every scale is 1.

    Raises:
        ValueError: If the rank is no positive integer.
    """

    def __init__(self, layers: nn.Module, rank: int, text_dims: int | None = None) -> None:
        super().__init__()
        if not isinstance(rank, int) or isinstance(rank, bool) or rank < 1:
            raise ValueError(f'lora.rank must be an integer of at least 1, got {rank!r}.')
        self.rank = rank
        # A tuple, which PyTorch does not look into: they are the backbone's.
        self._linears = tuple(m for m in layers.modules() if isinstance(m, nn.Linear))
        for linear in self._linears:
            linear.__class__ = LoRALinear
            down = torch.randn(rank, linear.in_features) * linear.in_features**-0.5
            linear.lora_down = nn.Parameter(down)
            linear.lora_up = nn.Parameter(torch.zeros(linear.out_features, rank))
        self.norm = self.steer = None
        if text_dims is not None:
            self.norm = nn.LayerNorm(text_dims)
            self.steer = nn.Linear(text_dims, len(self._linears) * rank)
            nn.init.zeros_(self.steer.weight)
            nn.init.zeros_(self.steer.bias)

    @contextmanager
    def applied(self, text: TextFeatures | None) -> Iterator[None]:
        """Let the updates count inside a ``with`` block.

        Args:
            text (TextFeatures, optional): The sentences of the batch; ``None``: every
                scale is 1.
        """
        try:
            for linear, scales in zip(self._linears, self.scales(text), strict=True):
                linear.scales = scales
            yield
        finally:
            for linear in self._linears:
                linear.scales = None

    def scales(self, text: TextFeatures | None) -> Sequence[Tensor]:
        """Compute how much of each rank counts.

        Args:
            text (TextFeatures, optional): The sentences of the batch.

        Returns:
            Sequence[Tensor]: For each linear layer, B x 1 x r; 1 x 1 x r without words.
        """
        ones = self._linears[0].lora_down.new_ones(1, 1, self.rank)
        if text is None or self.steer is None:
            return [ones] * len(self._linears)
        mask = text.mask[..., None]  # U, L, 1
        mean = (text.tokens * mask).sum(1) / mask.sum(1)  # U, D
        steered = self.steer(self.norm(mean.to(ones.dtype)))[text.index]  # B, layers*r
        return (1 + steered).unflatten(1, (-1, 1, self.rank)).unbind(1)


def make_lora(layers: nn.Module, settings: dict | None) -> LoRA | None:
    """Make what a backbone's ``lora`` says.

    Args:
        layers (nn.Module): The layers of the backbone.
        settings (dict, optional): The config's value: ``rank``; the estimator adds
            ``text_dims``.

    Returns:
        LoRA | None: ``None`` if there shall be none.

    Raises:
        ValueError: If a key is unknown or missing, or a value is out of range.
    """
    if settings is None:
        return None
    unknown = sorted(settings.keys() - set(KEYS))
    if unknown or 'rank' not in settings:
        raise ValueError(
            f'lora takes rank, the rank of the updates, and nothing else; got {settings}.'
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
