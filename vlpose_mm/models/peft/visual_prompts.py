"""What a backbone's ``visual_prompt`` says, and the prompt tokens (method, part 2)."""

import math
from dataclasses import dataclass, fields
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vlpose_mm.models.utils.linear import weights_of


@dataclass(frozen=True)
class VisualPromptSettings:
    """The checked ``visual_prompt`` of a backbone.

    Args:
        num_tokens (int): Tokens P of a set, at least 1.
        deep (bool): Whether every layer has a set of its own.
        gate_init (float, optional): Initial value of a gate per layer on what deep prompts
            change; ``None``: no gates.
        start_layer (int): The first layer that reads prompts.

    Raises:
        ValueError: If a value is out of range, or there are gates without deep prompts.
    """

    num_tokens: int
    deep: bool = True
    gate_init: float | None = None
    start_layer: int = 0

    def __post_init__(self) -> None:
        if not _is_int(self.num_tokens) or self.num_tokens < 1:
            raise ValueError(
                'visual_prompt.num_tokens must be an integer of at least 1, got '
                f'{self.num_tokens!r}; use visual_prompt=None for no visual prompts.'
            )
        if not isinstance(self.deep, bool):
            raise ValueError(f'visual_prompt.deep must be a bool, got {self.deep!r}.')
        if self.gate_init is not None and not self.deep:
            raise ValueError('visual_prompt.gate_init needs deep prompts.')

    @property
    def hyperparameters(self) -> dict:
        """dict: Those that no shape shows."""
        deep, start = self.deep, self.start_layer
        return {'visual_prompt.deep': deep, 'visual_prompt.start_layer': start}

    @classmethod
    def from_dict(
        cls, visual_prompt: dict | None, num_layers: int
    ) -> 'VisualPromptSettings | None':
        """Read and check a backbone's ``visual_prompt`` for so many layers."""
        if visual_prompt is None:
            return None
        known = [field.name for field in fields(cls)]
        unknown = sorted(visual_prompt.keys() - set(known))
        if unknown:
            raise ValueError(f'Unknown keys {unknown} in visual_prompt; known are {known}.')
        if 'num_tokens' not in visual_prompt:
            raise ValueError('visual_prompt lacks num_tokens, the tokens of a set.')
        settings = cls(**visual_prompt)
        start = settings.start_layer
        if not _is_int(start) or not 0 <= start < num_layers:
            raise ValueError(
                f'visual_prompt.start_layer must be an integer in [0, {num_layers - 1}] '
                f'for {num_layers} layers, got {start!r}.'
            )
        return settings


def count_trained_layers(
    trained_layers: int | None, tunes: bool, num_layers: int
) -> int | None:
    """Check ``trained_layers``; by default 0 with an adapter, else ``None``: all."""
    if trained_layers is None:
        return 0 if tunes else None
    if not _is_int(trained_layers) or not 0 <= trained_layers <= num_layers:
        raise ValueError(
            f'trained_layers must be an integer in [0, {num_layers}], the number of '
            f'layers, got {trained_layers!r}.'
        )
    return trained_layers


def make_prompts(
    num_sets: int, num_tokens: int, embed_dims: int, stem: nn.Module
) -> nn.Parameter:
    """Create prompt tokens, sets x P x C, in the scale of VPT.

    It is a patch embedding's Xavier initialization: uniform in +-sqrt(6 / (fan-in + C)),
    with the fan-in of ``stem``, the convolution that reads the pixels.
    """
    bound = math.sqrt(6 / (stem.weight[0].numel() + embed_dims))
    prompts = torch.empty(num_sets, num_tokens, embed_dims)
    return nn.Parameter(nn.init.uniform_(prompts, -bound, bound))


def make_gates(num_layers: int, gate_init: float | None) -> nn.Parameter | None:
    """Create a gate for each layer that reads deep prompts; ``None`` without gates."""
    if gate_init is None:
        return None
    return nn.Parameter(torch.full((num_layers,), float(gate_init)))


class Prefix(NamedTuple):
    """What an attention reads besides its own keys and values."""

    tokens: Tensor  # P, C; normalized
    gate: Tensor | None = None  # how much of what the tokens change counts, a scalar

    def gated(self, plain: Tensor, prompted: Tensor) -> Tensor:
        """Scale what the tokens change by the gate."""
        return plain + self.gate * (prompted - plain)


def prefix_keys_values(qkv: nn.Linear, tokens: Tensor, num_heads: int) -> Tensor:
    """Compute keys and values, 2 x heads x P x C/heads, of normalized prompts, P x C."""
    embed_dims = tokens.shape[-1]
    weight, bias = weights_of(qkv)
    bias = None if bias is None else bias[embed_dims:]
    kv = F.linear(tokens, weight[embed_dims:], bias)  # P, 2C
    return kv.reshape(len(tokens), 2, num_heads, -1).permute(1, 2, 0, 3)


def _is_int(value: object) -> bool:
    """Whether a config's value is an integer, which ``True`` is not."""
    return isinstance(value, int) and not isinstance(value, bool)
