"""The text side of adapters: what they were tuned with, and how other text is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from vlpose_mm.checkpoint.text_features import (
    encode_text_prompts,
    read_text_features,
    read_tuned_with,
    read_words,
)
from vlpose_mm.datasets.scenarios import DEFAULT_TEXT_PROMPT, SCENARIOS, all_text_prompts
from vlpose_mm.datasets.wordings import load_wordings
from vlpose_mm.models.text_encoders import PrecomputedTextEncoder, RandomTextEncoder
from vlpose_mm.models.text_encoders.base import Prompt, TextEncoder, Word
from vlpose_mm.models.text_encoders.reader import Reading, TextReader

# They know nothing of language but the texts in their file, or nothing at all.
WITHOUT_LANGUAGE = PrecomputedTextEncoder | RandomTextEncoder


class TextOfAdapter(NamedTuple):
    """The text side of one adapter."""

    # What its file holds for a text encoder that reads one: token states, L x D, by text
    # prompt,
    features: dict[str, Tensor] | None
    words: dict[str, list[Word]]  # and words.
    tuned_with: list[str]  # Text prompts.


class AdapterText:
    """The text side of the active adapter.

    Args:
        text_encoder (TextEncoder, optional): The text encoder of the model.
    """

    def __init__(self, text_encoder: TextEncoder | None) -> None:
        self.text_encoder = text_encoder
        #: Texts that were read, in order.
        self.used: dict[str, None] = {}
        #: Texts that the adapter is tuned with, in order.
        self.tuned_with: dict[str, None] = {}
        # Of the config, for an adapter that brings none.
        self._own = self.current()
        self._reader: TextReader | None = None

    def current(self) -> TextOfAdapter:
        """Return the text side of the active adapter."""
        encoder, tuned_with = self.text_encoder, list(self.tuned_with)
        if isinstance(encoder, PrecomputedTextEncoder):
            return TextOfAdapter(encoder.features, encoder.words_by_text_prompt, tuned_with)
        return TextOfAdapter(None, {}, tuned_with)

    def of_checkpoint(self, content: Mapping, path: str) -> TextOfAdapter:
        """Return the text side of an adapter checkpoint.

        Raises:
            ValueError: If it was made with another text encoder, or is broken.
        """
        features, words = None, {}
        if content.get('text_features') is not None:
            features = read_text_features(content['text_features'], path)
            words = read_words(content['text_features'], path)
            self._check(features, path)
        return TextOfAdapter(features, words, read_tuned_with(content))

    def activate(self, text: TextOfAdapter) -> None:
        """Make the text side of another adapter the active one."""
        encoder = self.text_encoder
        if isinstance(encoder, PrecomputedTextEncoder):
            features, words, own = text.features or {}, text.words, self._own
            # Those of the config serve as well if the same text encoder made them.
            shared = own.features.keys() & features.keys()
            if all(_alike(own.features[name], features[name]) for name in shared):
                features, words = {**own.features, **features}, {**own.words, **words}
            encoder.replace(features, words)
        self.tuned_with = dict.fromkeys(text.tuned_with)

    def note(self, text_prompts: Iterable[Prompt], is_tuned: bool) -> None:
        """Note text prompts that are read, or that the adapter is tuned with.

        Of either at most as many texts as the text encoder caches.
        """
        texts = dict.fromkeys(
            text
            for prompt in text_prompts
            for text in ([prompt] if isinstance(prompt, str) else prompt)
        )
        for noted in (self.used, self.tuned_with)[: 1 + is_tuned]:
            new = [text for text in texts if text not in noted]
            room = self.text_encoder.cache_size - len(noted)
            noted.update(dict.fromkeys(new[:room]))

    def read(self, text_prompt: Prompt) -> Reading | None:
        """Read a text prompt as those that the adapter was tuned with.

        Where that is not known, these are the text prompts of :data:`SCENARIOS`.

        Returns:
            Reading | None: What it is read as, if that is near; ``None`` for what is read
            as it is: one that the adapter was tuned with, the default one, which says
            nothing, several texts, and any where the text encoder is no language model.
        """
        encoder = self.text_encoder
        known = self.tuned_with or dict.fromkeys(all_text_prompts())
        known = {**known, DEFAULT_TEXT_PROMPT: None}
        reads = encoder is not None and not isinstance(encoder, WITHOUT_LANGUAGE)
        if not reads or not isinstance(text_prompt, str) or text_prompt in known:
            return None
        if self._reader is None or self._reader.known != [*known]:
            self._reader = TextReader(encoder, known, _wordings())
        return self._reader.read(text_prompt)

    def encode(self, further: Sequence[str]) -> dict | None:
        """Encode the texts that an adapter checkpoint is to hold.

        Args:
            further (Sequence[str]): Texts beside those that were read, if they are known.

        Returns:
            dict | None: What :func:`encode_text_prompts` returns, and ``tuned_with``;
            ``None`` without text encoder and with one that draws new states every time.
        """
        encoder = self.text_encoder
        if encoder is None or getattr(encoder, 'fresh', False):
            return None
        further = filter(encoder.knows, [*self.tuned_with, *further])
        text_prompts = [*self.used, *further]
        if not text_prompts:
            return None
        features = encode_text_prompts(encoder, text_prompts)
        return {**features, 'tuned_with': list(self.tuned_with)}

    def _check(self, features: dict[str, Tensor], path: str) -> None:
        """Check that an adapter was made with the model's text encoder."""
        encoder = self.text_encoder
        if encoder is None or not features:
            return
        text_prompt, tokens = next(iter(features.items()))
        if isinstance(encoder, WITHOUT_LANGUAGE):
            fits = tokens.shape[1] == encoder.embed_dims
        elif getattr(encoder, 'context', None) is not None:
            # What the adapter has learned is not loaded yet.
            fits = True
        else:
            fits = _alike(encoder([text_prompt]).last_hidden_state[0], tokens)
        if not fits:
            raise ValueError(
                f'{path} was tuned with another text encoder: {text_prompt!r} has other '
                'token states there. Use the config that it was tuned with, or read '
                "its own with text_encoder=dict(type='PrecomputedTextEncoder', "
                f"path='{path}')."
            )


def _wordings() -> dict[str, list[str]]:
    """Other texts for the text prompt of each scenario."""
    wordings = load_wordings()
    return {SCENARIOS[name].text_prompt: words.told() for name, words in wordings.items()}


def _alike(tokens: Tensor, others: Tensor) -> bool:
    """Whether token states, each L x D, are the same but for rounding."""
    if tokens.shape != others.shape:
        return False
    return torch.allclose(tokens.float().cpu(), others.float().cpu(), atol=0.05)
