"""Which words each patch of an image reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from mmpose.structures import PoseDataSample
from torch import Tensor

from vlpose_mm.datasets.scenarios import DEFAULT_TEXT_PROMPT
from vlpose_mm.models.necks.relation_matcher import RelationMatcher
from vlpose_mm.models.text_encoders.base import TextEncoder, TextFeatures, Word


class AttentionMaps(NamedTuple):
    """How the attention of a person's patches spreads over the words of the text prompt.

    Attributes:
        prompt (str): The text prompt; several are parted by slashes.
        words (tuple[Word, ...]): Its words and special tokens.
        weights (Tensor): How much of a patch's attention goes to all tokens of a word, in
            [0, 1]; heads x words x h x w, float32 on the CPU.
        num_keys (int): What a patch can attend to: tokens, and patches where the matcher
            reads them.
        center (np.ndarray): Center of the crop, x and y in pixels of the image.
        scale (np.ndarray): Width and height of the crop in pixels of the image.
    """

    prompt: str
    words: tuple[Word, ...]
    weights: Tensor
    num_keys: int
    center: np.ndarray
    scale: np.ndarray

    def find(self, text: str) -> list[int]:
        """Find a word.

        Args:
            text (str): The word, in any case.

        Returns:
            list[int]: Where in ``words`` it is, at least once.

        Raises:
            ValueError: If it is not there.
        """
        rows = [
            row
            for row, word in enumerate(self.words)
            if word.text.casefold() == text.casefold()
        ]
        if not rows:
            names = list(dict.fromkeys(word.text for word in self.words))
            raise ValueError(f'{self.prompt!r} has no word {text!r}; it has {names}.')
        return rows

    def uniform(self, row: int) -> float:
        """Compute what a word would get if all keys got the same.

        Args:
            row (int): Where in ``words`` it is.

        Returns:
            float: In (0, 1].
        """
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


@torch.no_grad()
def tell_attention_maps(
    matcher: RelationMatcher,
    encoder: TextEncoder | None,
    feature_map: Tensor,
    text_feats: TextFeatures | None,
    samples: Sequence[PoseDataSample],
) -> None:
    """Write :class:`AttentionMaps` into samples, as ``pred_attention_maps``.

    Args:
        matcher (RelationMatcher): What the patches read with.
        encoder (TextEncoder, optional): What the words were encoded with.
        feature_map (Tensor): E of the samples, B x C x h x w.
        text_feats (TextFeatures, optional): Their text prompts, encoded.
        samples (Sequence[PoseDataSample]): The samples.

    Raises:
        ValueError: If the model reads no words, or random ones that are drawn again.
    """
    if encoder is None or getattr(encoder, 'fresh', False):
        raise ValueError(
            'There are no attention maps, as the model reads '
            f'{"no words" if encoder is None else "other random states in every call"}; '
            'give it a text encoder, or leave test_cfg.output_attention_maps away.'
        )
    by_token = matcher.attention_to_words(feature_map, text_feats)  # B, heads, L, h, w
    for sample, weights in zip(samples, by_token.float().cpu(), strict=True):
        prompt = sample.metainfo.get('text_prompt') or DEFAULT_TEXT_PROMPT
        words = encoder.words(prompt)
        lengths = [word.num_tokens for word in words]
        weights = weights[:, : sum(lengths)].split(lengths, dim=1)
        maps = torch.stack([part.sum(1) for part in weights], dim=1)  # heads, W, h, w
        patches = 0 if matcher.variant == 'cross' else maps[0, 0].numel()
        told = AttentionMaps(
            prompt if isinstance(prompt, str) else ' / '.join(prompt),
            tuple(words),
            maps,
            patches + sum(lengths),
            sample.metainfo['input_center'],
            sample.metainfo['input_scale'],
        )
        sample.set_metainfo(dict(pred_attention_maps=told))
