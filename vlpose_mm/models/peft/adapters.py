"""Adapters as users of peft know them: any number of them, by name, on one frozen base."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vlpose_mm.checkpoint import adapter, metadata
from vlpose_mm.checkpoint.adapter import CLASSIFIER
from vlpose_mm.checkpoint.io import read_file, state_dict_of
from vlpose_mm.checkpoint.metadata import KEY
from vlpose_mm.checkpoint.text_features import (
    encode_text_prompts,
    read_text_features,
    read_words,
)
from vlpose_mm.datasets.scenarios import DEFAULT_TEXT_PROMPT
from vlpose_mm.models.text_encoders import PrecomputedTextEncoder, RandomTextEncoder
from vlpose_mm.models.text_encoders.base import Prompt, Word


class Adapter(NamedTuple):
    """An adapter that is kept beside the active one.

    Attributes:
        weights (dict[str, Tensor]): Tensors by name.
        text_prompts (dict[str, Tensor], optional): Token states L x D by text prompt, where
            the text encoder reads them from a file.
        words (dict[str, list[Word]]): Words of the text prompts that have some.
    """

    weights: dict[str, Tensor]
    text_prompts: dict[str, Tensor] | None
    words: dict[str, list[Word]]


class AdapterMixin:
    """The adapter methods of an estimator, named and used as those of ``peft``.

    The adapter that the model is built with is called ``'default'``.
    """

    def init_adapters(self) -> None:
        """Start with the adapter that the model is built with."""
        # Once, as a copy with averaged weights trains nothing.
        self._trained = adapter.tuned_names(self)
        self._active_adapter = 'default'
        self._adapters: dict[str, Adapter] = {}
        self.has_base = False
        # Of the base in float32, once it is known.
        self._base_sha256: str | None = None
        # Those of the config, for an adapter that brings none.
        self._text_prompts, self._words = self._read_from_file()

    @property
    def active_adapter(self) -> str:
        """str: The name of the adapter that the tuned route uses."""
        return self._active_adapter

    @property
    def adapter_names(self) -> list[str]:
        """list[str]: The names of all adapters."""
        return list(dict.fromkeys([*self._adapters, self._active_adapter]))

    def load_adapter(self, path: str, adapter_name: str, force: bool = False) -> None:
        """Load an adapter checkpoint and make it the active adapter.

        Args:
            path (str): File or URL of the adapter checkpoint.
            adapter_name (str): The name to give to it.
            force (bool): Whether to load it although it was made on another base.

        Raises:
            OSError: If the file does not exist.
            ValueError: If the file is unsafe, broken or not an adapter checkpoint, or does
                not belong to the base or the config. The model is unchanged then.
        """
        content = read_file(path)
        weights = state_dict_of(content, path)
        identity = adapter.identity_of(weights)
        if 'base' not in identity:
            raise ValueError(
                f'{path} is a whole checkpoint; extract its adapter with '
                'python -m vlpose_mm.tools.checkpoint extract.'
            )
        if force:
            if not self.has_base and self.base_weights is not None:
                base = state_dict_of(read_file(self.base_weights), self.base_weights)
                self.load_state_dict(base, strict=False)
            if self.has_base:
                identity['base']['sha256'] = self.base_hash()
                weights[KEY] = metadata.encode(identity)
        text_prompts, words = None, {}
        if content.get('text_features') is not None:
            text_prompts = read_text_features(content['text_features'], path)
            words = read_words(content['text_features'], path)
            self._check_text_prompts(text_prompts, path)
        self._keep_active()
        self.load_state_dict(weights)
        self._adapters[adapter_name] = Adapter(weights, text_prompts, words)
        self._read_text_prompts(text_prompts, words)
        self._active_adapter = adapter_name

    def set_adapter(self, adapter_name: str) -> None:
        """Make a loaded adapter the active one; what the present one has learned is kept.

        Args:
            adapter_name (str): Its name.

        Raises:
            ValueError: If no adapter has this name.
        """
        if adapter_name == self._active_adapter:
            return
        if adapter_name not in self._adapters:
            raise ValueError(
                f'No adapter is called {adapter_name!r}; there are {self.adapter_names}.'
            )
        self._keep_active()
        weights, text_prompts, words = self._adapters[adapter_name]
        own = self.state_dict()
        with torch.no_grad():
            for name in self._trained:
                own[name].copy_(weights[name])
        start = len(CLASSIFIER)
        state = {k[start:]: v for k, v in weights.items() if k.startswith(CLASSIFIER)}
        if state and self.scenario_classifier is not None:
            self.scenario_classifier.load_state_dict(state)
        self._read_text_prompts(text_prompts, words)
        self._active_adapter = adapter_name

    @contextmanager
    def disable_adapter(self) -> Iterator[None]:
        """Use the base alone, the original route, inside a ``with`` block."""
        route = self.route
        self.set_route('original')
        try:
            yield
        finally:
            self.set_route(route)

    @torch.no_grad()
    def merge_adapter(self, text_prompt: Prompt | None = None) -> None:
        """Merge the low-rank updates into a copy of the base weights, for one text prompt.

        The tuned route uses the copy for batches where every sample has the text prompt,
        and is as fast as without updates there. The base weights stay as they are. A
        change of the weights, training, and :meth:`unmerge_adapter` drop the copy. A model
        without low-rank updates has nothing to merge.

        Args:
            text_prompt (str | Sequence[str], optional): The text prompt;
                ``'a photo of a person'`` by default. Ignored without text encoder.

        Raises:
            ValueError: If the model is in training mode, or computes in less than float32,
                where small updates are lost in large weights.
        """
        lora = getattr(self.backbone, 'lora', None)
        if lora is None:
            return
        text = None
        if self.text_encoder is not None:
            prompt = DEFAULT_TEXT_PROMPT if text_prompt is None else text_prompt
            text = self.text_encoder([prompt], self.backbone.pos_embed.device)
        lora.merge(text)

    def unmerge_adapter(self) -> None:
        """Drop what :meth:`merge_adapter` has merged."""
        lora = getattr(self.backbone, 'lora', None)
        if lora is not None:
            lora.unmerge()

    def adapter_params(self) -> list[str]:
        """List what the adapter adds or tunes.

        Returns:
            list[str]: Names of trained parameters and the buffers beside them, and of a
            fitted scenario classifier's state.
        """
        names = list(self._trained)
        classifier = self.scenario_classifier
        if classifier is not None and classifier.fitted:
            names += [f'{CLASSIFIER}{name}' for name in classifier.state_dict()]
        return names

    def adapter_state_dict(
        self, state_dict: dict[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Extract the adapter.

        Args:
            state_dict (dict[str, Tensor], optional): Weights to extract it from, such as averaged
                ones; the model's own by default.

        Returns:
            dict[str, Tensor]: The weights of an adapter checkpoint.
        """
        state_dict = self.state_dict() if state_dict is None else state_dict
        return adapter.extract(state_dict, self.base_hash())

    def adapter_text_features(self) -> dict | None:
        """Encode the text prompts used so far, the default one and the classifier's.

        Returns:
            dict | None: What :func:`encode_text_prompts` returns; ``None`` without text
            encoder and with one that draws new states every time.
        """
        encoder, classifier = self.text_encoder, self.scenario_classifier
        if encoder is None or getattr(encoder, 'fresh', False):
            return None
        further = [DEFAULT_TEXT_PROMPT]
        if classifier is not None and classifier.fitted:
            for scenario_class in classifier.classes:
                prompt = scenario_class.prompt
                further += [prompt] if isinstance(prompt, str) else prompt
        text_prompts = [*encoder.used, *filter(encoder.knows, further)]
        return encode_text_prompts(encoder, text_prompts) if text_prompts else None

    def base_hash(self) -> str:
        """Return the hash of the base weights, see :mod:`vlpose_mm.checkpoint.adapter`."""
        if self._base_sha256 is None:
            base = adapter.base_of(self.state_dict(), self.adapter_params())
            self._base_sha256 = adapter.base_hash(base)
        return self._base_sha256

    def identity(self) -> dict:
        """Return what the weights do not show, see :mod:`vlpose_mm.checkpoint.metadata`."""
        choices = {'text_encoder': 'words' if self.text_encoder else None}
        for part in ('backbone', 'text_encoder', 'matcher', 'head'):
            own = getattr(getattr(self, part), 'hyperparameters', {})
            choices |= {f'{part}.{name}': choice for name, choice in own.items()}
        identity = dict(choices=choices, tuned=self.adapter_params())
        patches = getattr(self.backbone, 'patch_embed', None)
        if hasattr(self.backbone, 'pos_embed') and hasattr(patches, 'init_out_size'):
            identity['grid'] = list(patches.init_out_size)
        return identity

    def get_extra_state(self) -> Tensor:
        """Return :meth:`identity` as a tensor for checkpoints."""
        return metadata.encode(self.identity())

    def set_extra_state(self, state: Tensor) -> None:
        """Ignore what the load hook has checked already."""

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> nn.Module:
        """Move or convert; the base is known by its weights in full precision."""
        if self.has_base and fn(torch.empty(0)).dtype != torch.float32:
            self.base_hash()
        return super()._apply(fn, recurse)

    def _keep_active(self) -> None:
        """Keep the active adapter as it is now, in the numbers it was loaded with."""
        own = self.state_dict()
        kept = self._adapters.get(self._active_adapter)
        names = self.adapter_params()
        if kept is not None and all(
            torch.equal(kept.weights[name].to(own[name]), own[name])
            for name in names
            if name in kept.weights
        ):
            return
        weights = {name: own[name].detach().clone() for name in names}
        self._adapters[self._active_adapter] = Adapter(weights, *self._read_from_file())

    def _read_from_file(self) -> tuple[dict[str, Tensor] | None, dict[str, list[Word]]]:
        """What the text encoder reads now, if it reads token states from a file."""
        encoder = self.text_encoder
        if isinstance(encoder, PrecomputedTextEncoder):
            return encoder.features, encoder.words_by_text_prompt
        return None, {}

    def _read_text_prompts(
        self, text_prompts: dict[str, Tensor] | None, words: dict[str, list[Word]]
    ) -> None:
        """Let a text encoder that reads from a file read an adapter's token states."""
        encoder = self.text_encoder
        if isinstance(encoder, PrecomputedTextEncoder):
            own, text_prompts = self._text_prompts, text_prompts or {}
            # Those of the config serve as well if the same text encoder made them.
            shared = own.keys() & text_prompts.keys()
            if all(_alike(own[name], text_prompts[name]) for name in shared):
                text_prompts, words = {**own, **text_prompts}, {**self._words, **words}
            encoder.replace(text_prompts, words)

    def _check_text_prompts(self, text_prompts: dict[str, Tensor], path: str) -> None:
        """Check that an adapter was made with the model's text encoder."""
        encoder = self.text_encoder
        if encoder is None or not text_prompts:
            return
        text_prompt, tokens = next(iter(text_prompts.items()))
        if isinstance(encoder, PrecomputedTextEncoder | RandomTextEncoder):
            fits = tokens.shape[1] == encoder.embed_dims
        elif getattr(encoder, 'context', None) is not None:
            # What the adapter has learned is not loaded yet.
            fits = True
        else:
            fits = _alike(encoder([text_prompt]).last_hidden_state[0], tokens)
        if not fits:
            raise ValueError(
                f'{path} was tuned with another text encoder: {text_prompt!r} has other '
                'token states there. Use the config that it was tuned with, or read its own with '
                f"text_encoder=dict(type='PrecomputedTextEncoder', path='{path}')."
            )


def _alike(tokens: Tensor, others: Tensor) -> bool:
    """Whether token states, each L x D, are the same but for rounding."""
    if tokens.shape != others.shape:
        return False
    return torch.allclose(tokens.float().cpu(), others.float().cpu(), atol=0.05)
