"""What a VLPose loads and saves: one base, and any number of adapters on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from vlpose_mm.checkpoint import adapter, metadata
from vlpose_mm.checkpoint.adapter import CLASSIFIER
from vlpose_mm.checkpoint.io import read_file, state_dict_of
from vlpose_mm.checkpoint.metadata import KEY
from vlpose_mm.checkpoint.text_features import text_features, text_prompts_of, words_of
from vlpose_mm.datasets.scenarios import DEFAULT_TEXT_PROMPT
from vlpose_mm.models.text_encoders import PrecomputedTextEncoder, RandomTextEncoder
from vlpose_mm.models.text_encoders.base import Word

if TYPE_CHECKING:
    from vlpose_mm.models.pose_estimators.vlpose import VLPoseEstimator


class Adapter(NamedTuple):
    """A tuning that is kept beside the one in use.

    Attributes:
        weights (dict[str, Tensor]): Tensors by name.
        text_prompts (dict[str, Tensor], optional): Token states L x D by text prompt, where the
            text encoder reads them from a file.
        words (dict[str, list[Word]]): Words of those text prompts that have some.
    """

    weights: dict[str, Tensor]
    text_prompts: dict[str, Tensor] | None
    words: dict[str, list[Word]]


class Adapters:
    """The adapters of one model, by name; one of them is in use.

    Args:
        model (VLPoseEstimator): The model. What it was built with is called
            ``'default'``.
    """

    def __init__(self, model: VLPoseEstimator) -> None:
        self.model = model
        # Once, as a copy with averaged weights trains nothing.
        self._trained = adapter.tuned_names(model)
        self.in_use = 'default'
        self.kept: dict[str, Adapter] = {}
        self.has_base = False
        #: Of the base in float32, where it is known already.
        self.sha256: str | None = None
        # Those of the config, for a tuning that brings none.
        self._text_prompts, self._words = self._read_from_file()

    def names(self) -> list[str]:
        """List all adapters.

        Returns:
            list[str]: Their names.
        """
        return list(dict.fromkeys([*self.kept, self.in_use]))

    def identity(self) -> dict:
        """Tell what no weight does; see :func:`vlpose_mm.checkpoint.metadata.encode`.

        Returns:
            dict: The model's identity.
        """
        parts = ('backbone', 'text_encoder', 'matcher', 'head')
        choices = {'text_encoder': 'words' if self.model.text_encoder else None}
        for part in parts:
            own = getattr(getattr(self.model, part), 'hyperparameters', {})
            choices |= {f'{part}.{name}': choice for name, choice in own.items()}
        told = dict(choices=choices, tuned=self.tuned_names())
        patches = getattr(self.model.backbone, 'patch_embed', None)
        if hasattr(self.model.backbone, 'pos_embed') and hasattr(patches, 'init_out_size'):
            told['grid'] = list(patches.init_out_size)
        return told

    def tuned_names(self) -> list[str]:
        """List what an adapter checkpoint holds.

        Returns:
            list[str]: Names of what is trained, and of a fitted classifier's state.
        """
        names = list(self._trained)
        classifier = self.model.scenario_classifier
        if classifier is not None and classifier.fitted:
            names += [f'{CLASSIFIER}{name}' for name in classifier.state_dict()]
        return names

    def base_hash(self) -> str:
        """Compute the hash of the base's weights, once.

        Returns:
            str: See :func:`vlpose_mm.checkpoint.adapter.base_hash`.
        """
        if self.sha256 is None:
            base = adapter.base_of(self.model.state_dict(), self.tuned_names())
            self.sha256 = adapter.base_hash(base)
        return self.sha256

    def load(self, path: str, name: str, force: bool = False) -> None:
        """Load an adapter checkpoint, and use it.

        Args:
            path (str): The file.
            name (str): What to call it.
            force (bool): Take it though it was made on another base.

        Raises:
            OSError: If there is no such file.
            ValueError: If the file is unsafe, broken or no adapter checkpoint, or does
                not belong to the base or the config. Nothing is changed then.
        """
        content = read_file(path)
        weights = state_dict_of(content, path)
        told = adapter.identity_of(weights)
        if 'base' not in told:
            raise ValueError(
                f'{path} is a whole checkpoint; take the tuning out of it with '
                'python -m vlpose_mm.tools.checkpoint extract.'
            )
        if force:
            if not self.has_base and self.model.base_weights is not None:
                base = self.model.base_weights
                stock = state_dict_of(read_file(base), base)
                self.model.load_state_dict(stock, strict=False)
            if self.has_base:
                told['base']['sha256'] = self.base_hash()
                weights[KEY] = metadata.encode(told)
        text_prompts, words = None, {}
        if content.get('text_features') is not None:
            text_prompts = text_prompts_of(content['text_features'], path)
            words = words_of(content['text_features'], path)
            self._check_text_prompts(text_prompts, path)
        self._keep()
        self.model.load_state_dict(weights)
        self.kept[name] = Adapter(weights, text_prompts, words)
        self._read_text_prompts(text_prompts, words)
        self.in_use = name

    def use(self, name: str) -> None:
        """Switch to a tuning; training that the present one got is kept.

        Args:
            name (str): Its name.

        Raises:
            ValueError: If there is no such tuning.
        """
        if name == self.in_use:
            return
        if name not in self.kept:
            raise ValueError(f'No tuning is called {name!r}; there are {self.names()}.')
        self._keep()
        weights, text_prompts, words = self.kept[name]
        own = self.model.state_dict()
        with torch.no_grad():
            for key in self._trained:
                own[key].copy_(weights[key])
        start = len(CLASSIFIER)
        state = {k[start:]: v for k, v in weights.items() if k.startswith(CLASSIFIER)}
        if state and self.model.scenario_classifier is not None:
            self.model.scenario_classifier.load_state_dict(state)
        self._read_text_prompts(text_prompts, words)
        self.in_use = name

    def _keep(self) -> None:
        """Keep the tuning in use as it is now, in the numbers it was loaded with."""
        own = self.model.state_dict()
        kept = self.kept.get(self.in_use)
        names = self.tuned_names()
        if kept is not None and all(
            torch.equal(kept.weights[name].to(own[name]), own[name])
            for name in names
            if name in kept.weights
        ):
            return
        weights = {name: own[name].detach().clone() for name in names}
        self.kept[self.in_use] = Adapter(weights, *self._read_from_file())

    def _read_from_file(self) -> tuple[dict[str, Tensor] | None, dict[str, list[Word]]]:
        """What the encoder reads now, if it is one that reads text prompts from a file."""
        encoder = self.model.text_encoder
        if isinstance(encoder, PrecomputedTextEncoder):
            return encoder.features, encoder.words_by_text_prompt
        return None, {}

    def _read_text_prompts(
        self, text_prompts: dict[str, Tensor] | None, words: dict[str, list[Word]]
    ) -> None:
        """Let an encoder that reads text prompts from a file read those of a tuning."""
        encoder = self.model.text_encoder
        if isinstance(encoder, PrecomputedTextEncoder):
            own, text_prompts = self._text_prompts, text_prompts or {}
            # Those of the config serve as well if the same text encoder made them.
            shared = own.keys() & text_prompts.keys()
            if all(_alike(own[name], text_prompts[name]) for name in shared):
                text_prompts, words = {**own, **text_prompts}, {**self._words, **words}
            encoder.replace(text_prompts, words)

    def _check_text_prompts(self, text_prompts: dict[str, Tensor], path: str) -> None:
        """Check that the text encoder is the one that the tuning was made with."""
        encoder = self.model.text_encoder
        if encoder is None or not text_prompts:
            return
        text_prompt, tokens = next(iter(text_prompts.items()))
        if isinstance(encoder, PrecomputedTextEncoder | RandomTextEncoder):
            fits = tokens.shape[1] == encoder.embed_dims
        elif getattr(encoder, 'context', None) is not None:
            # What the tuning learnt is not loaded yet.
            fits = True
        else:
            fits = _alike(encoder([text_prompt]).last_hidden_state[0], tokens)
        if not fits:
            raise ValueError(
                f'{path} was tuned with another text encoder: {text_prompt!r} has other token '
                'states there. Use the config that it was tuned with, or read its own with '
                f"text_encoder=dict(type='PrecomputedTextEncoder', path='{path}')."
            )

    def extract(self, state_dict: dict[str, Tensor] | None = None) -> dict[str, Tensor]:
        """Take out what an adapter checkpoint holds.

        Args:
            state_dict (dict[str, Tensor], optional): The model's, or one of the same names
                such as averaged weights.

        Returns:
            dict[str, Tensor]: What is trained, and the identity with the base's hash.
        """
        state_dict = self.model.state_dict() if state_dict is None else state_dict
        return adapter.extract(state_dict, self.base_hash())

    def text_features(self) -> dict | None:
        """Encode the text prompts used so far, the default one and the classifier's.

        Returns:
            dict | None: See :func:`vlpose_mm.checkpoint.text_features.text_features`; ``None``
            if there is nothing to tell twice: no words, or random ones drawn again.
        """
        encoder, classifier = self.model.text_encoder, self.model.scenario_classifier
        if encoder is None or getattr(encoder, 'fresh', False):
            return None
        further = [DEFAULT_TEXT_PROMPT]
        if classifier is not None and classifier.fitted:
            for scenario_class in classifier.classes:
                prompt = scenario_class.prompt
                further += [prompt] if isinstance(prompt, str) else prompt
        text_prompts = [*encoder.used, *filter(encoder.knows, further)]
        return text_features(encoder, text_prompts) if text_prompts else None


def _alike(tokens: Tensor, others: Tensor) -> bool:
    """Whether token states, each L x D, are the same but for rounding."""
    if tokens.shape != others.shape:
        return False
    return torch.allclose(tokens.float().cpu(), others.float().cpu(), atol=0.05)
