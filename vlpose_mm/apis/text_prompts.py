"""What a person may tell a model about images."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from vlpose_mm.datasets.scenarios import scenario_name
from vlpose_mm.datasets.text_prompts import check_text_prompt
from vlpose_mm.datasets.transforms.text_prompt import AssignTextPrompt
from vlpose_mm.models.pose_estimators.router import ROUTES

if TYPE_CHECKING:
    from vlpose_mm.models.text_encoders.base import TextEncoder


class WordCheck:
    """Refuses words that a model cannot make anything of, before anything runs.

    Args:
        name (str): What the model is called.
        assign (AssignTextPrompt): Where scenarios become text prompts.
        encoder (TextEncoder, optional): What reads them; ``None``: no words.
        tuned (bool): Whether the model has weights that words are for.
    """

    def __init__(
        self, name: str, assign: AssignTextPrompt, encoder: TextEncoder | None, tuned: bool
    ) -> None:
        self.name = name
        self.assign = assign
        self.encoder = encoder
        self.tuned = tuned

    @property
    def text_prompts(self) -> list[str] | None:
        """list[str] | None: What the model can be told; ``None`` for any text prompt."""
        return [] if self.encoder is None else self.encoder.known

    def check(
        self,
        scenario: str | None = None,
        prompt: str | list[str] | None = None,
        route: str | None = None,
    ) -> dict:
        """Check what is told about an image.

        Args:
            scenario (str, optional): What kind of image it is.
            prompt (str | list[str], optional): A text prompt or several.
            route (str, optional): The weights.

        Returns:
            dict: What of it is given, the scenario named as in :data:`SCENARIOS`.

        Raises:
            ValueError: If something is blank, unknown or of no use to the model.
        """
        told = {}
        if route is not None:
            if route not in ROUTES:
                raise ValueError(f'Unknown route {route!r}; choose one of {ROUTES}.')
            told['route'] = route
        wants = route == 'tuned' or prompt is not None or scenario is not None
        if wants and not self.tuned and route != 'original':
            raise ValueError(
                f'{self.name} has no tuned weights, only those that it is tuned from; give '
                'some (weights=..., --weights FILE), or take the original route without '
                'scenario and prompt.'
            )
        if prompt is not None:
            told['prompt'] = self._check_prompt(prompt)
        if scenario is not None:
            told['scenario'] = self._check_scenario(scenario)
        return told

    def _check_prompt(self, prompt: str | list[str]) -> str | list[str]:
        """Refuse a text prompt that is blank or that nothing can encode."""
        prompt = check_text_prompt(prompt, 'The prompt')
        if self.encoder is None:
            raise ValueError(f'{self.name} reads no words; omit the prompt.')
        for text_prompt in [prompt] if isinstance(prompt, str) else prompt:
            if not self.encoder.knows(text_prompt):
                close = difflib.get_close_matches(
                    text_prompt, self.text_prompts, n=3, cutoff=0
                )
                raise ValueError(
                    f'{self.name} reads its text prompts from a file, and {text_prompt!r} is not '
                    f'in it; the closest are {close}. A text encoder in the config reads '
                    'any.'
                )
        return prompt

    def _check_scenario(self, scenario: str) -> str:
        """Refuse a scenario that is blank or misspelt."""
        name = scenario_name(scenario) if isinstance(scenario, str) else ''
        known = [each for each in self.assign.text_prompts if each != 'default']
        if not name:
            raise ValueError(
                f'The scenario must be a name such as {known[0]!r}, got {scenario!r}.'
            )
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
            if close or self.text_prompts is not None:
                hint = f'did you mean {close[0]!r}?' if close else f'there are {known}.'
                raise ValueError(
                    f'Unknown scenario {scenario!r}; {hint} For another kind of image '
                    'give a prompt.'
                )
        return name
