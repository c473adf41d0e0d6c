"""Random token states: controls of what the words are worth (method, part 1)."""

import hashlib
from collections.abc import Sequence

import torch
from mmpose.registry import MODELS
from torch import Tensor

from vlpose_mm.models.text_encoders.base import (
    Prompt,
    TextEncoder,
    TextFeatures,
    check_prompts,
)


@MODELS.register_module()
class RandomTextEncoder(TextEncoder):
    """Random token states: the paper's controls of what text contributes.

    Args:
        embed_dims (int): Width D of the token states, at least 1.
        num_tokens (int): Tokens of each text, at least 1.
        fresh (bool): ``False``: a text always has the same states, on every machine;
            ``True``: states are drawn from torch's generator for each sample and call.
        combine (str): See :class:`TextEncoder`.

    Raises:
        ValueError: If a number is below 1, or ``combine`` is unknown.
    """

    def __init__(
        self,
        embed_dims: int,
        num_tokens: int = 1,
        fresh: bool = False,
        combine: str = 'concat',
    ) -> None:
        super().__init__(embed_dims, combine)
        if min(embed_dims, num_tokens) < 1:
            raise ValueError(
                f'embed_dims and num_tokens must be at least 1, got {embed_dims} and '
                f'{num_tokens}.'
            )
        self.num_tokens = num_tokens
        self.fresh = fresh

    def forward(
        self, prompts: Sequence[Prompt], device: torch.device | str = 'cpu'
    ) -> TextFeatures:
        """Draw states from N(0, 1); with ``fresh`` each sample has its own: U = B."""
        if not self.fresh:
            return super().forward(prompts, device)
        size = (self.num_tokens, self.embed_dims)
        prompts = check_prompts(prompts)
        drawn = [
            [self._reduced(torch.randn(size)).to(device, self.dtype) for _ in prompt.texts]
            for prompt in prompts
        ]  # each: L, D
        return self._pack(prompts, drawn, list(range(len(drawn))))

    def encode(self, texts: list[str]) -> list[Tensor]:
        """Draw states seeded by the texts; see :meth:`TextEncoder.encode`."""
        states, generator = [], torch.Generator()
        for text in texts:
            digest = hashlib.sha256(text.encode()).digest()
            generator.manual_seed(int.from_bytes(digest[:4], 'big'))
            size = (self.num_tokens, self.embed_dims)
            states.append(torch.randn(size, generator=generator))  # L, D
        return states
