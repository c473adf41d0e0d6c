"""Check what a call says about its images."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from vlpose_mm.datasets.scenarios import scenario_name
from vlpose_mm.datasets.text_prompts import check_text_prompt
from vlpose_mm.datasets.transforms.text_prompt import AssignTextPrompt
from vlpose_mm.models.pose_estimators.router import ROUTES

if TYPE_CHECKING:
    from vlpose_mm.models.text_encoders.base import TextEncoder


class TextCheck:
    """Refuses scenarios, text prompts and routes that a model cannot use.

    Args:
        name (str): The model, for errors.
        assign (AssignTextPrompt): The transform that turns scenarios into text prompts.
        encoder (TextEncoder, optional): The model's text encoder.
        is_tuned (bool): Whether the model has tuned weights.
    """

    def __init__(
        self,
        name: str,
        assign: AssignTextPrompt,
        encoder: TextEncoder | None,
        is_tuned: bool,
    ) -> None:
        self.name = name
        self.assign = assign
        self.encoder = encoder
        self.is_tuned = is_tuned

    def check(
        self,
        scenario: str | None = None,
        text_prompt: str | list[str] | None = None,
        route: str | None = None,
    ) -> dict:
        """Check what is said about an image.

        Args:
            scenario (str, optional): The scenario of the image.
            text_prompt (str | list[str], optional): One text prompt or several.
            route (str, optional): The weights.

        Returns:
            dict: What is not ``None``, the scenario named as in :data:`SCENARIOS`.

        Raises:
            ValueError: If something is blank, unknown or of no use to the model.
        """
        checked = {}
        if route is not None:
            if route not in ROUTES:
                raise ValueError(f'Unknown route {route!r}; choose one of {ROUTES}.')
            checked['route'] = route
        wants_tuned = route == 'tuned' or text_prompt is not None or scenario is not None
        if wants_tuned and not self.is_tuned and route != 'original':
            raise ValueError(
                f'{self.name} has no tuned weights, only those of its base; give some '
                '(pose2d_weights=..., --weights FILE), or take the original route without '
                'scenario and text_prompt.'
            )
        if text_prompt is not None:
            checked['text_prompt'] = self._check_text_prompt(text_prompt)
        if scenario is not None:
            checked['scenario'] = self._check_scenario(scenario)
        return checked

    def _check_text_prompt(self, text_prompt: str | list[str]) -> str | list[str]:
        text_prompt = check_text_prompt(text_prompt, 'The text prompt')
        if self.encoder is None:
            raise ValueError(f'{self.name} reads no text; omit text_prompt.')
        for text in [text_prompt] if isinstance(text_prompt, str) else text_prompt:
            if not self.encoder.knows(text):
                close = difflib.get_close_matches(text, self.encoder.known, n=3, cutoff=0)
                raise ValueError(
                    f'{self.name} reads precomputed text prompts, and {text!r} is not '
                    f'among them; the closest are {close}. A text encoder in the config '
                    'reads any.'
                )
        return text_prompt

    def _check_scenario(self, scenario: str) -> str:
        name = scenario_name(scenario) if isinstance(scenario, str) else ''
        known = [each for each in self.assign.text_prompts if each != 'default']
        if not name:
            raise ValueError(
                f'The scenario must be a name such as {known[0]!r}, got {scenario!r}.'
            )
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
            is_precomputed = self.encoder is None or self.encoder.known is not None
            if close or is_precomputed:
                hint = f'did you mean {close[0]!r}?' if close else f'there are {known}.'
                raise ValueError(
                    f'Unknown scenario {scenario!r}; {hint} For another kind of image '
                    'give a text prompt.'
                )
        return name
