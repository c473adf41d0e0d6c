"""Read a text prompt that an adapter was not tuned with as those that it was."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

import torch
import torch.nn.functional as F
from mmengine.logging import print_log
from torch import Tensor

from vlpose_mm.datasets.scenarios import DEFAULT_TEXT_PROMPT
from vlpose_mm.models.text_encoders.base import TextEncoder

# Chosen on wordings of its own, see projects/mini_humanart/RESULTS.md.
TEMPERATURE = 0.03
# Most right readings are nearer than this, and most texts of something else are not.
NEAR = 0.65
# Known text prompts of a mixture, and the least share of one.
MAX_PARTS, MIN_SHARE = 4, 0.02
# How many wordings of a known text prompt are compared.
NEAREST = 5


class Reading(NamedTuple):
    """What a text was read as.

    Attributes:
        shares (dict[str, float]): How much each known text prompt counts, the largest
            first; they sum to 1.
        similarity (float): Cosine similarity to the nearest of them, in [-1, 1], of what
            both say beyond ``'a photo of a person'``.
    """

    shares: dict[str, float]
    similarity: float

    @property
    def is_near(self) -> bool:
        """bool: Whether anything known is near; if not, the text is read as it is."""
        return self.similarity >= NEAR

    def __str__(self) -> str:
        """Such as ``"'a mural of a person' (90 %), 'a sketch of a person' (10 %)"``."""
        return ', '.join(f'{text!r} ({share:.0%})' for text, share in self.shares.items())


class TextReader:
    """Reads text prompts by the similarity of frozen sentence embeddings.

    An embedding is the mean of a text's token states, as sentence encoders are made for. A
    known text prompt is as similar as the nearest of its wordings are on average; shares
    are a softmax over similarities.

    Args:
        text_encoder (TextEncoder): Encodes any text.
        known (Iterable[str]): Text prompts that the adapter was tuned with.
        wordings (Mapping[str, Sequence[str]]): Known text prompt -> other texts that mean
            the same.
        temperature (float): The softmax's temperature.
    """

    def __init__(
        self,
        text_encoder: TextEncoder,
        known: Iterable[str],
        wordings: Mapping[str, Sequence[str]],
        temperature: float = TEMPERATURE,
    ) -> None:
        self.text_encoder = text_encoder
        self.known = list(dict.fromkeys(known))
        self.temperature = temperature
        self._readings: dict[str, Reading] = {}
        self._wordings = wordings
        self._embedded: tuple[Tensor, ...] | None = None

    @torch.no_grad()
    def read(self, text: str) -> Reading:
        """Read a text; a known one is read as itself."""
        if text in self.known:
            return Reading({text: 1.0}, 1.0)
        if text not in self._readings:
            if len(self._readings) >= self.text_encoder.cache_size:
                # There may be a text for each of millions of images.
                self._readings.clear()
            self._readings[text] = self._read(text)
        return self._readings[text]

    def _read(self, text: str) -> Reading:
        if self._embedded is None:
            texts = [[each, *self._wordings.get(each, ())] for each in self.known]
            embedded = self._embed([DEFAULT_TEXT_PROMPT, *chain(*texts)])
            self._embedded = embedded.split([1, *map(len, texts)])
        default, *wordings = self._embedded  # 1, D; of each known one: W, D
        own = self._embed([text])  # 1, D
        nearest = torch.stack(
            [(own @ w.T).topk(min(NEAREST, len(w))).values.mean() for w in wordings]
        )  # K
        shares, order = (nearest / self.temperature).softmax(0).sort(descending=True)
        parts = max(1, int((shares[:MAX_PARTS] >= MIN_SHARE).sum()))
        shares = shares[:parts] / shares[:parts].sum()
        names = [self.known[row] for row in order[:parts]]
        beyond = F.cosine_similarity(torch.cat(wordings) - default, own - default)
        reading = Reading(
            dict(zip(names, shares.tolist(), strict=True)), beyond.max().item()
        )
        if not reading.is_near:
            print_log(
                f'The model has learned nothing near {text!r}, and reads it as it is; '
                f'the nearest is {names[0]!r}. Name the kind of image, or omit the text '
                'prompt.',
                logger='current',
                level=logging.WARNING,
            )
        return reading

    def _embed(self, texts: list[str]) -> Tensor:
        """Embed texts, N x D, each of length 1."""
        distinct = list(dict.fromkeys(texts))
        states = self.text_encoder.encode(distinct)
        means = torch.stack([s.float().mean(0).cpu() for s in states])
        rows = {text: row for row, text in enumerate(distinct)}
        return F.normalize(means, dim=-1)[[rows[text] for text in texts]]
