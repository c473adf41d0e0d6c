"""Adapters as users of peft know them: any number of them, by name, on one frozen base."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vlpose_mm.checkpoint import adapter
from vlpose_mm.checkpoint.io import read_file, state_dict_of, without_wrappers
from vlpose_mm.checkpoint.metadata import (
    KEY,
    check_hyperparameters,
    decode,
    encode,
    metadata_of,
)
from vlpose_mm.checkpoint.strict import check_strict, check_touches
from vlpose_mm.checkpoint.text_features import (
    encode_text_prompts,
    read_text_features,
    read_tuned_with,
    read_words,
)
from vlpose_mm.datasets.scenarios import DEFAULT_TEXT_PROMPT, SCENARIOS, all_text_prompts
from vlpose_mm.datasets.wordings import load_wordings
from vlpose_mm.models.text_encoders import PrecomputedTextEncoder, RandomTextEncoder
from vlpose_mm.models.text_encoders.base import Prompt, Word
from vlpose_mm.models.text_encoders.reader import Reading, TextReader

# The modules that an adapter adds to or tunes, and that a base checkpoint may lack.
TUNED_PARTS = ('backbone', 'text_encoder', 'matcher', 'head')
CLASSIFIER = 'scenario_classifier'


class Adapter(NamedTuple):
    """An adapter that is kept beside the active one."""

    weights: dict[str, Tensor]  # by name
    # Where the text encoder reads them from a file: token states, L x D, by text prompt,
    text_prompts: dict[str, Tensor] | None
    words: dict[str, list[Word]]  # and words.
    tuned_with: list[str]  # Text prompts.


class AdapterMixin:
    """The adapter methods of an estimator, named and used as those of ``peft``.

    The adapter that the model is built with is called ``'default'``.
    """

    def init_adapters(self) -> None:
        """Start with the adapter that the model is built with."""
        self._active_adapter = 'default'
        self._adapters: dict[str, Adapter] = {}
        self._has_base = self._loaded_untuned = False
        # Of the base in float32, once it is known.
        self._base_sha256: str | None = None
        # Those of the config, for an adapter that brings none.
        self._text_prompts, self._words = self._read_from_file()
        # Texts that were read, and those of them that the active adapter is tuned with.
        self._used: dict[str, None] = {}
        self._tuned_with: dict[str, None] = {}
        self._text_reader: TextReader | None = None
        self.register_load_state_dict_pre_hook(AdapterMixin.prepare_checkpoint)

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
            adapter_name (str): Its name from now on.
            force (bool): Whether to load it although it was made on another base.

        Raises:
            OSError: If the file does not exist.
            ValueError: If the file is unsafe, broken or not an adapter checkpoint, or does
                not belong to the base or the config. The model is unchanged then.
        """
        content = read_file(path)
        weights = state_dict_of(content, path)
        metadata = metadata_of(weights)
        if 'base' not in metadata:
            raise ValueError(
                f'{path} is a whole checkpoint; extract its adapter with '
                'python -m vlpose_mm.tools.checkpoint extract.'
            )
        if force:
            if not self._has_base and self.base_weights is not None:
                base = state_dict_of(read_file(self.base_weights), self.base_weights)
                self.load_state_dict(base, strict=False)
            if self._has_base:
                metadata['base']['sha256'] = self.base_hash()
                weights[KEY] = encode(metadata)
        text_prompts, words = None, {}
        if content.get('text_features') is not None:
            text_prompts = read_text_features(content['text_features'], path)
            words = read_words(content['text_features'], path)
            self._check_text_prompts(text_prompts, path)
        self._keep_active()
        self.load_state_dict(weights)
        tuned_with = read_tuned_with(content)
        self._adapters[adapter_name] = Adapter(weights, text_prompts, words, tuned_with)
        self._read_text_prompts(text_prompts, words)
        self._active_adapter = adapter_name
        self.set_tuned_text_prompts(tuned_with)

    def set_adapter(self, adapter_name: str) -> None:
        """Make a loaded adapter the active one; what the present one has learned is kept.

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
        weights, text_prompts, words, tuned_with = self._adapters[adapter_name]
        own = self.state_dict()
        with torch.no_grad():
            for name in self.adapter_params(TUNED_PARTS):
                own[name].copy_(weights[name])
        fitted = _of_part(weights, CLASSIFIER)
        if fitted and self.scenario_classifier is not None:
            self.scenario_classifier.load_state_dict(fitted)
        self._read_text_prompts(text_prompts, words)
        self._active_adapter = adapter_name
        self.set_tuned_text_prompts(tuned_with)

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

        The tuned route uses the copy, as fast as without updates, for batches where every
        sample has the text prompt. A change of the weights, training, and
        :meth:`unmerge_adapter` drop it.

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
            if self.text_reading == 'known':
                reading = self.read_text_prompt(prompt)
                prompt = prompt if reading is None else reading.shares
            text = self.text_encoder([prompt], self.backbone.pos_embed.device)
        lora.merge(text)

    def unmerge_adapter(self) -> None:
        """Drop what :meth:`merge_adapter` has merged."""
        lora = getattr(self.backbone, 'lora', None)
        if lora is not None:
            lora.unmerge()

    def adapter_params(
        self, parts: Sequence[str] = (*TUNED_PARTS, CLASSIFIER)
    ) -> list[str]:
        """List the names of what the adapter adds or tunes, as each module says."""
        return [
            f'{part}.{name}'
            for part in parts
            if getattr(self, part) is not None
            for name in getattr(self, part).adapter_params()
        ]

    def adapter_state_dict(
        self, state_dict: dict[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Extract the weights of an adapter checkpoint, by default from the model's own."""
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
                prompt = scenario_class.text_prompt
                further += [prompt] if isinstance(prompt, str) else prompt
        further = [*self._tuned_with, *further]
        text_prompts = [*self._used, *filter(encoder.knows, further)]
        if not text_prompts:
            return None
        features = encode_text_prompts(encoder, text_prompts)
        return {**features, 'tuned_with': list(self._tuned_with)}

    def note_text_prompts(self, text_prompts: Sequence[Prompt], is_tuned: bool) -> None:
        """Note text prompts that are read, or that the active adapter is tuned with.

        Of either at most as many texts as the text encoder caches.
        """
        texts = dict.fromkeys(
            text
            for prompt in text_prompts
            for text in ([prompt] if isinstance(prompt, str) else prompt)
        )
        for noted in (self._used, self._tuned_with)[: 1 + is_tuned]:
            new = [text for text in texts if text not in noted]
            room = self.text_encoder.cache_size - len(noted)
            noted.update(dict.fromkeys(new[:room]))

    def noted_text_prompts(self) -> tuple[list[str], list[str]]:
        """Return the texts that were read, and those that it is tuned with."""
        return list(self._used), list(self._tuned_with)

    def set_tuned_text_prompts(self, text_prompts: Sequence[str]) -> None:
        """Say what the active adapter was tuned with, in place of what was noted."""
        self._tuned_with = dict.fromkeys(text_prompts)

    def read_text_prompt(self, text_prompt: Prompt) -> Reading | None:
        """Read a text prompt as those that the active adapter was tuned with.

        Where that is not known, these are the text prompts of :data:`SCENARIOS`.

        Returns:
            Reading | None: What it is read as; ``None`` if it is read as it is: one that
            the adapter was tuned with, several texts, and any where the text encoder is no
            language model.
        """
        known = self._tuned_with or dict.fromkeys(all_text_prompts())
        reads = self.text_encoder is not None and not isinstance(
            self.text_encoder, PrecomputedTextEncoder | RandomTextEncoder
        )
        if not reads or not isinstance(text_prompt, str) or text_prompt in known:
            return None
        reader = self._text_reader
        if reader is None or reader.known != [*known]:
            reader = self._text_reader = TextReader(self.text_encoder, known, _wordings())
        return reader.read(text_prompt)

    def base_hash(self) -> str:
        """Return the hash of the base weights, see :mod:`vlpose_mm.checkpoint.adapter`."""
        if self._base_sha256 is None:
            base = adapter.base_of(self.state_dict(), self.adapter_params())
            self._base_sha256 = adapter.base_hash(base)
        return self._base_sha256

    def get_extra_state(self) -> Tensor:
        """Return metadata for checkpoints, see :mod:`vlpose_mm.checkpoint.metadata`."""
        return encode(self._metadata())

    def set_extra_state(self, state: Tensor) -> None:
        """Ignore the metadata, which the load hook has checked already."""

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> nn.Module:
        """Move or convert; the base is known by its weights in full precision."""
        if self._has_base and fn(torch.empty(0)).dtype != torch.float32:
            self.base_hash()
        return super()._apply(fn, recurse)

    def prepare_checkpoint(
        self, state_dict: dict[str, Tensor], prefix: str, *args: object
    ) -> None:
        """Load hook: complete any checkpoint in place, or refuse it before it is loaded."""
        if not prefix:
            content = without_wrappers(state_dict)
            state_dict.clear()
            state_dict.update(content)
            check_touches(self, state_dict)
        metadata = decode(state_dict.setdefault(prefix + KEY, self.get_extra_state()))
        if 'base' in metadata:
            names = (name for name in state_dict if name.startswith(prefix))
            adapter.check_content((n.removeprefix(prefix) for n in names), metadata)
        if self.scenario_classifier is None:
            for name in _of_part(state_dict, prefix + CLASSIFIER):
                del state_dict[f'{prefix}{CLASSIFIER}.{name}']
        self._check_config(state_dict, prefix, metadata)
        if 'base' in metadata:
            self._add_base(state_dict, prefix, metadata)

        added = {*self.adapter_params(TUNED_PARTS)}
        added -= {f'backbone.{name}' for name in self.backbone.thawed_params}
        tuned = any(prefix + name in state_dict for name in added)
        # MMEngine loads part by part, so look at all of them first.
        trial = dict(state_dict)
        for part in ('backbone', 'head', 'matcher'):
            start = f'{prefix}{part}.'
            if part != 'matcher' and not any(name.startswith(start) for name in trial):
                raise ValueError(
                    f'The checkpoint has no {start}*, which would stay random for ever; '
                    'use one of a whole ViTPose or VLPose.'
                )
            getattr(self, part).prepare_checkpoint(trial, start)
        missing = sorted(name for name in added if prefix + name not in trial)
        if tuned and missing:
            raise ValueError(
                f'The checkpoint holds only some of the tuned parts: {prefix}{missing[0]} '
                'is missing. Use the config that it was tuned with.'
            )
        self._has_base, self._loaded_untuned = True, not tuned
        if 'base' not in metadata:
            self._base_sha256 = None

    def _check_config(
        self, state_dict: dict[str, Tensor], prefix: str, metadata: dict
    ) -> None:
        """Check that the model has everything that an adapter was tuned with."""
        own = self.state_dict()
        wanted = self._metadata()['hyperparameters']
        check_hyperparameters(metadata['hyperparameters'], wanted)
        names = metadata['adapter_params']
        foreign = [n for n in names if n not in own and prefix + n in state_dict]
        if foreign:
            raise ValueError(
                f'The checkpoint was tuned with {foreign[0]}, which the config does not '
                'have; use the config that it was tuned with.'
            )
        weight = state_dict.get(f'{prefix}{CLASSIFIER}.weight')
        dims = self.backbone.out_channels
        if weight is not None and weight.numel() and weight.shape[1:] != (dims,):
            raise ValueError(
                f"The checkpoint's scenario classifier reads features of shape "
                f'{tuple(weight.shape[1:])}, and those of the backbone are {dims} wide; '
                'use the config that it was fitted with.'
            )
        if self.text_encoder is not None:
            learned = {*self.text_encoder.adapter_params()}
            start = f'{prefix}text_encoder.'
            check_strict(self.text_encoder, state_dict, start, optional=[learned])

    def _add_base(self, state_dict: dict[str, Tensor], prefix: str, metadata: dict) -> None:
        """Add the base weights to an adapter checkpoint."""
        own = self.state_dict()
        wanted, names = {*self.adapter_params(TUNED_PARTS)}, metadata['adapter_params']
        held = {name for name in names if not name.startswith(f'{CLASSIFIER}.')}
        if held != wanted:
            name = min(held ^ wanted)
            verb = 'holds' if name in held else 'lacks'
            raise ValueError(
                f'The adapter checkpoint {verb} {name}, unlike the config; use the config '
                'that it was tuned with.'
            )
        if self._has_base:
            base, sha256 = adapter.base_of(own, wanted), self.base_hash()
        elif self.base_weights is None:
            raise ValueError(
                'An adapter checkpoint holds no base weights, and none are loaded: name '
                'them in the config as model.base_weights, load them first, or put both '
                'together with python -m vlpose_mm.tools.checkpoint merge.'
            )
        else:
            content = read_file(self.base_weights)
            base = adapter.prepare_base(state_dict_of(content, self.base_weights), metadata)
            sha256 = adapter.base_hash(base)
        adapter.check_base(metadata, sha256)
        self._base_sha256 = sha256
        for name, tensor in {**own, **base}.items():
            if name not in wanted and name != KEY:
                state_dict.setdefault(f'{prefix}{name}', tensor)

    def _metadata(self) -> dict:
        """What the weights do not show, see :mod:`vlpose_mm.checkpoint.metadata`."""
        hyperparameters = {'text_encoder': 'words' if self.text_encoder else None}
        for part in TUNED_PARTS:
            own = getattr(getattr(self, part), 'hyperparameters', {})
            hyperparameters |= {f'{part}.{name}': value for name, value in own.items()}
        params = self.adapter_params()
        metadata = dict(hyperparameters=hyperparameters, adapter_params=params)
        patches = getattr(self.backbone, 'patch_embed', None)
        if hasattr(self.backbone, 'pos_embed') and hasattr(patches, 'init_out_size'):
            metadata['grid'] = list(patches.init_out_size)
        return metadata

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
        found = *self._read_from_file(), list(self._tuned_with)
        self._adapters[self._active_adapter] = Adapter(weights, *found)

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
                'token states there. Use the config that it was tuned with, or read '
                "its own with text_encoder=dict(type='PrecomputedTextEncoder', "
                f"path='{path}')."
            )


def _of_part(state_dict: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    """The tensors of a module, named from there."""
    start = f'{part}.'
    return {k.removeprefix(start): v for k, v in state_dict.items() if k.startswith(start)}


def _wordings() -> dict[str, list[str]]:
    """Other texts for the text prompt of each scenario."""
    wordings = load_wordings()
    return {SCENARIOS[name].text_prompt: words.told() for name, words in wordings.items()}


def _alike(tokens: Tensor, others: Tensor) -> bool:
    """Whether token states, each L x D, are the same but for rounding."""
    if tokens.shape != others.shape:
        return False
    return torch.allclose(tokens.float().cpu(), others.float().cpu(), atol=0.05)
