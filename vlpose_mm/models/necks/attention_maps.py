"""How much each patch of an image attends to each word of the text prompt."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from mmpose.structures import PoseDataSample
from torch import Tensor

from vlpose_mm.datasets.scenarios import DEFAULT_TEXT_PROMPT
from vlpose_mm.models.text_encoders.base import TextEncoder, Word


class AttentionMaps(NamedTuple):
    """The attention of an instance's patches to the words of its text prompt.

    Attributes:
        text_prompt (str): The text prompt, or what it was read as; several texts are
            separated by slashes.
        words (tuple[Word, ...]): Its words and special tokens.
        weights (Tensor): Attention to all tokens of a word, in [0, 1];
            heads x words x h x w, float32 on the CPU.
        num_keys (int): Number of tokens, plus that of patches where the matcher attends to
            them.
        center (np.ndarray): Center of the crop, x and y in pixels of the image.
        scale (np.ndarray): Width and height of the crop in pixels of the image.
    """

    text_prompt: str
    words: tuple[Word, ...]
    weights: Tensor
    num_keys: int
    center: np.ndarray
    scale: np.ndarray

    def find(self, text: str) -> list[int]:
        """Return the indices of a word in ``words``, in any case.

        Raises:
            ValueError: If it is not there.
        """
        names = [word.text for word in self.words]
        rows = [i for i, name in enumerate(names) if name.casefold() == text.casefold()]
        if not rows:
            names = list(dict.fromkeys(names))
            raise ValueError(f'{self.text_prompt!r} has no word {text!r}; it has {names}.')
        return rows

    def uniform(self, row: int) -> float:
        """Return the share, in (0, 1], that a word would get if all keys got the same."""
        return self.words[row].num_tokens / self.num_keys

    @property
    def shares(self) -> dict[str, float]:
        """dict[str, float]: Mean attention to ``words``, ``special`` tokens and
        ``patches``; they sum to 1.
        """
        by_word = self.weights.mean((0, 2, 3)).tolist()
        pairs = list(zip(self.words, by_word, strict=True))
        words = sum(share for word, share in pairs if not word.special)
        special = sum(share for word, share in pairs if word.special)
        return dict(words=words, special=special, patches=max(0.0, 1 - words - special))


def attention_maps_of(
    sample: PoseDataSample, weights: Tensor, encoder: TextEncoder, variant: str
) -> AttentionMaps:
    """Sum the attention weights of a sample over the tokens of each word.

    Args:
        sample (PoseDataSample): The sample.
        weights (Tensor): Its attention weights, heads x L x h x w.
        encoder (TextEncoder): The encoder of its text prompt.
        variant (str): The variant of its :class:`RelationMatcher`.
    """
    text_prompt = sample.metainfo.get('text_prompt') or DEFAULT_TEXT_PROMPT
    if 'read_as' in sample.metainfo:
        text_prompt = sample.metainfo['read_as'].shares
    words = encoder.words(text_prompt)
    lengths = [word.num_tokens for word in words]
    by_word = weights[:, : sum(lengths)].float().cpu().split(lengths, dim=1)
    maps = torch.stack([part.sum(1) for part in by_word], dim=1)  # heads, words, h, w
    num_patches = 0 if variant == 'cross' else maps[0, 0].numel()
    return AttentionMaps(
        text_prompt if isinstance(text_prompt, str) else ' / '.join(text_prompt),
        tuple(words),
        maps,
        num_patches + sum(lengths),
        sample.metainfo['input_center'],
        sample.metainfo['input_scale'],
    )
