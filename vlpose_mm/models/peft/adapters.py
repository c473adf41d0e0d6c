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
from vlpose_mm.datasets.scenarios import DEFAULT_TEXT_PROMPT
from vlpose_mm.models.peft.adapter_text import AdapterText, TextOfAdapter
from vlpose_mm.models.text_encoders.base import Prompt

# The modules that an adapter adds to or tunes, and that a base checkpoint may lack.
TUNED_PARTS = ('backbone', 'text_encoder', 'matcher', 'head')
CLASSIFIER = 'scenario_classifier'


class Adapter(NamedTuple):
    """An adapter that is kept beside the active one."""

    weights: dict[str, Tensor]  # by name
    text: TextOfAdapter


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
        #: What the text encoder reads for the active adapter.
        self.adapter_text = AdapterText(self.text_encoder)
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
            path (str): File or URL of the adapter checkpoint, or a folder or
                ``hf://OWNER/REPO@REVISION`` that it is shared as.
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
        text = self.adapter_text.of_checkpoint(content, path)
        self._keep_active()
        self.load_state_dict(weights)
        self._adapters[adapter_name] = Adapter(weights, text)
        self.adapter_text.activate(text)
        self._active_adapter = adapter_name

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
        weights, text = self._adapters[adapter_name]
        own = self.state_dict()
        with torch.no_grad():
            for name in self.adapter_params(TUNED_PARTS):
                own[name].copy_(weights[name])
        fitted = _of_part(weights, CLASSIFIER)
        if fitted and self.scenario_classifier is not None:
            self.scenario_classifier.load_state_dict(fitted)
        self.adapter_text.activate(text)
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

        The tuned route uses the copy, as fast as without updates, for batches where every
        sample has the text prompt. A change of the weights, training, and
        :meth:`unmerge_adapter` drop it. It is in the dtype that the model computes in; to
        predict under autocast, merge under it as well.

        Args:
            text_prompt (str | Sequence[str], optional): The text prompt;
                ``'a photo of a person'`` by default. Ignored without text encoder.

        Raises:
            ValueError: If the model is in training mode.
        """
        lora = getattr(self.backbone, 'lora', None)
        if lora is None:
            return
        text = None
        if self.text_encoder is not None:
            prompt = DEFAULT_TEXT_PROMPT if text_prompt is None else text_prompt
            if self.text_reading == 'known':
                reading = self.adapter_text.read(prompt)
                if reading is not None and reading.is_near:
                    prompt = reading.shares
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
            dict | None: See :meth:`AdapterText.encode`.
        """
        further, classifier = [DEFAULT_TEXT_PROMPT], self.scenario_classifier
        if classifier is not None and classifier.fitted:
            for scenario_class in classifier.classes:
                prompt = scenario_class.text_prompt
                further += [prompt] if isinstance(prompt, str) else prompt
        return self.adapter_text.encode(further)

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
        self._adapters[self._active_adapter] = Adapter(weights, self.adapter_text.current())


def _of_part(state_dict: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    """The tensors of a module, named from there."""
    start = f'{part}.'
    return {k.removeprefix(start): v for k, v in state_dict.items() if k.startswith(start)}
