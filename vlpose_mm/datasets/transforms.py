"""Give every sample its sentence."""

import logging
import zlib
from collections.abc import Mapping
from pathlib import PurePath

import torch
from mmcv.transforms import BaseTransform
from mmengine.logging import print_log
from mmpose.registry import TRANSFORMS

from vlpose_mm.datasets.scenarios import (
    DEFAULT_SENTENCE,
    GROUPS,
    SCENARIOS,
    humanised_sentence,
    scenario_name,
)


@TRANSFORMS.register_module()
class AssignTextPrompt(BaseTransform):
    """Write the sentence that the text encoder reads, and what it is made from.

    The sentence is the sample's own ``text_prompt``, else the one given here, else the
    sentence of its scenario. The scenario is the annotation's ``category``, else the
    folder of the picture (where the folder above is a group of Human-Art, or the name is
    known), else none: then the sentence is the default one. A scenario that the table
    lacks gets a sentence made from its name, and one warning.

    Required Keys:

        - img_path (optional)
        - category (optional)
        - text_prompt (optional)

    Added Keys:

        - text_prompt (str)
        - scenario (str | None): Named as in :data:`SCENARIOS`.
        - group (str | None)

    Args:
        sentence (str, optional): One sentence for all pictures.
        sentences (Mapping[str, str]): Sentences of further scenarios, or other ones for
            those known.

    Raises:
        ValueError: If a sentence is blank.
    """

    def __init__(
        self, sentence: str | None = None, sentences: Mapping[str, str] | None = None
    ) -> None:
        given = {scenario_name(k): v for k, v in (sentences or {}).items()}
        for name, text in [('sentence', sentence), *given.items()]:
            if text is not None and not text.strip():
                raise ValueError(f'AssignTextPrompt: the sentence of {name!r} is blank.')
        self.sentence = sentence
        self.sentences = {k: v.sentence for k, v in SCENARIOS.items()} | given
        # Which names have been warned about, by checksum; the workers of a loader share it.
        self._warned = torch.zeros(4096, dtype=torch.bool).share_memory_()

    def transform(self, results: dict) -> dict:
        """Assign the sentence.

        Args:
            results (dict): The sample.

        Returns:
            dict: The sample with ``text_prompt``, ``scenario`` and ``group``.
        """
        name, group = self._scenario(results)
        results['scenario'] = name
        results['group'] = SCENARIOS[name].group if name in SCENARIOS else group
        results['text_prompt'] = (
            results.get('text_prompt') or self.sentence or self._sentence(name)
        )
        return results

    @staticmethod
    def _scenario(results: dict) -> tuple[str | None, str | None]:
        """Find the scenario and the group that the folders tell."""
        folders = PurePath(results.get('img_path') or '').parts[:-1]
        group = folders[-2] if len(folders) > 1 and folders[-2] in GROUPS else None
        category = results.get('category') or ''
        if not isinstance(category, str):
            raise ValueError(
                f'The category of {results.get("img_path")} must be text, got {category!r}.'
            )
        if scenario_name(category):
            return scenario_name(category), group
        name = scenario_name(folders[-1]) if folders else ''
        return (name if name and (group or name in SCENARIOS) else None), group

    def _sentence(self, name: str | None) -> str:
        """Look up or make the sentence of a scenario."""
        if name is None:
            return DEFAULT_SENTENCE
        if name not in self.sentences:
            self.sentences[name] = humanised_sentence(name)
            slot = zlib.crc32(name.encode()) % len(self._warned)
            if not self._warned[slot]:
                self._warned[slot] = True
                print_log(
                    f'Unknown scenario {name!r}: reading {self.sentences[name]!r}. Give '
                    f"AssignTextPrompt sentences={{'{name}': ...}} for a better sentence.",
                    logger='current',
                    level=logging.WARNING,
                )
        return self.sentences[name]

    def __repr__(self) -> str:
        return f'{type(self).__name__}(sentence={self.sentence!r})'
