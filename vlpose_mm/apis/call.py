"""Check the arguments of a call before anything runs."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from vlpose_mm.apis.bboxes import BBoxes, BBoxFile, check_bboxes
from vlpose_mm.apis.inputs import Input, Item, find_items
from vlpose_mm.datasets.scenarios import scenario_name
from vlpose_mm.datasets.text_prompts import check_text_prompt
from vlpose_mm.datasets.transforms.text_prompt import AssignTextPrompt
from vlpose_mm.names import ROUTES

if TYPE_CHECKING:
    from vlpose_mm.models.text_encoders.base import TextEncoder


class TextCheck:
    """Refuses scenarios, text prompts and routes that a model cannot use."""

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
        """Check what is said about an image."""
        checked = {}
        if route is not None:
            if route not in ROUTES:
                raise ValueError(f'Unknown route {route!r}; choose one of {ROUTES}.')
            checked['route'] = route
        wants_tuned = route == 'tuned' or text_prompt is not None or scenario is not None
        if wants_tuned and not self.is_tuned and route != 'original':
            raise ValueError(
                f'{self.name} has no tuned weights, and runs on the original route; give '
                'some (pose2d_weights=..., --weights FILE), or omit scenario, text_prompt '
                'and the tuned route.'
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


class Call(NamedTuple):
    """What a call runs on."""

    items: list[Item]  # The inputs, each with its own and the call's overrides.
    skipped: list[str]  # Names of files in their folders that are no images or videos.
    # x1, y1, x2, y2 in pixels of every image, N x 4 or N x 5; or a file.
    bboxes: BBoxFile | BBoxes | None
    bbox_thr: float  # Lowest score of a bbox, in [0, 1].
    nms_thr: float  # Highest IoU of two detected bboxes, in [0, 1].
    settings: dict  # All of it that every image shares, ready for JSON.


def check_call(
    text_check: TextCheck,
    inputs: Input | Sequence[Input],
    scenario: str | None = None,
    text_prompt: str | list[str] | None = None,
    route: str = 'auto',
    bboxes: BBoxFile | str | os.PathLike | BBoxes | None = None,
    bbox_thr: float = 0.3,
    nms_thr: float = 0.3,
) -> Call:
    """Check the arguments that say what is estimated."""
    for name, value in (('bbox_thr', bbox_thr), ('nms_thr', nms_thr)):
        if not 0 <= value <= 1:
            raise ValueError(f'{name} must be in [0, 1], got {value!r}.')
    text = text_check.check(scenario, text_prompt, route)
    source = None
    if isinstance(bboxes, str | os.PathLike):
        bboxes = BBoxFile(bboxes)
    if isinstance(bboxes, BBoxFile):
        source = bboxes.digest
    elif bboxes is not None:
        source = check_bboxes(bboxes, 'the call').tolist()
    items = []
    found, skipped = find_items(inputs)
    for item in found:
        own = {**item.overrides}
        own_bboxes = own.pop('bboxes', None)
        own = text_check.check(**own)
        if own_bboxes is not None:
            check_bboxes(own_bboxes, item.name)
            own['bboxes'] = own_bboxes
        items.append(item._replace(overrides={**text, **own}))
    thresholds = dict(bbox_thr=bbox_thr, nms_thr=nms_thr)
    settings = {**text, **thresholds, 'bboxes': source}
    return Call(items, skipped, bboxes, **thresholds, settings=settings)
