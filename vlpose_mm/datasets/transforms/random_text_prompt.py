"""Assign a random text prompt in training, as people would word it."""

import random
from typing import Any

import numpy as np
from mmpose.registry import TRANSFORMS

from vlpose_mm.datasets.scenarios import DEFAULT_TEXT_PROMPT
from vlpose_mm.datasets.transforms.text_prompt import AssignTextPrompt, description_of
from vlpose_mm.datasets.wordings import load_wordings


@TRANSFORMS.register_module()
class RandomTextPrompt(AssignTextPrompt):
    """Assign a random wording of the text prompt that :class:`AssignTextPrompt` would.

    A model that was trained with one sentence for each scenario knows no other. This draws,
    for each sample and step, that sentence, one of ``num_wordings`` others (names, groups
    and attributes of the scenario in several templates, typed with more or less care), the
    image's own description, or the default text prompt, which says nothing. The wordings
    are always the same ones, so that a text encoder that caches encodes each once.

    What is not of a scenario keeps its text prompt.

    Added Keys, besides those of :class:`AssignTextPrompt`:

        - wording_of (str): The scenario's text prompt, which the model then knows.

    Args:
        wordings (str, optional): YAML or JSON file of further words, see
            :func:`load_wordings`.
        num_wordings (int): Number of wordings of a scenario besides its text prompt.
        fixed_prob (float): How often the text prompt itself is read, in [0, 1].
        description_prob (float): How often the image's description is, if it has one.
        none_prob (float): How often the default text prompt is.
        **kwargs: Passed to :class:`AssignTextPrompt`.

    Raises:
        ValueError: If a probability or number is out of range, or the probabilities exceed
            1 together.
    """

    def __init__(
        self,
        wordings: str | None = None,
        num_wordings: int = 64,
        fixed_prob: float = 0.7,
        description_prob: float = 0.0,
        none_prob: float = 0.05,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if self.per_keypoint:
            raise ValueError('RandomTextPrompt: per_keypoint needs AssignTextPrompt.')
        probs = (fixed_prob, description_prob, none_prob)
        if min(probs) < 0 or sum(probs) > 1:
            raise ValueError(
                'RandomTextPrompt: fixed_prob, description_prob and none_prob must not be '
                f'negative nor exceed 1 together, got {probs}.'
            )
        if not isinstance(num_wordings, int) or num_wordings < 1:
            raise ValueError(
                f'RandomTextPrompt: num_wordings must be at least 1, got {num_wordings!r}.'
            )
        self.probs = probs
        self.wordings = {}
        for scenario, wording in load_wordings(wordings).items():
            rng = random.Random(scenario)
            drawn = [wording.draw(rng) for _ in range(4 * num_wordings)]
            own = self.text_prompts.get(scenario)
            others = dict.fromkeys([*wording.names, *drawn])
            kept = [text for text in others if text not in (own, DEFAULT_TEXT_PROMPT)]
            self.wordings[scenario] = kept[:num_wordings]

    def transform(self, results: dict) -> dict:
        """Assign the text prompt; see :meth:`AssignTextPrompt.transform`."""
        results = super().transform(results)
        scenario = results['scenario']
        if results['text_source'] != 'scenario' or scenario not in self.wordings:
            return results
        results['wording_of'] = results['text_prompt']
        fixed, description, none = np.cumsum(self.probs)
        draw = np.random.rand()
        if draw < fixed:
            return results
        if draw < description and description_of(results):
            results['text_prompt'] = description_of(results)
        elif description <= draw < none:
            results['text_prompt'] = DEFAULT_TEXT_PROMPT
        else:
            wordings = self.wordings[scenario]
            results['text_prompt'] = wordings[np.random.randint(len(wordings))]
        return results
