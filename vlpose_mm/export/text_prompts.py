"""Which text prompts a graph holds, and what they are for."""

from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config
from mmpose.registry import TRANSFORMS

from vlpose_mm.datasets.scenarios import SCENARIOS, keypoint_text_prompts, text_prompt_table
from vlpose_mm.datasets.text_prompts import (
    FORMATS,
    check_per_keypoint,
    check_text_prompt,
    load_text_prompts,
)
from vlpose_mm.datasets.transforms.text_prompt import AssignTextPrompt
from vlpose_mm.models.classifiers.scenario_classifier import ScenarioClassifier
from vlpose_mm.models.text_encoders.base import Prompt


class Words(NamedTuple):
    """The text prompts of a graph.

    Attributes:
        given (list[str | list[str]]): As people tell them.
        prompts (list[str | list[str]]): As the text encoder reads them, in the same order.
        scenarios (dict[str, int]): Scenario, or ``'default'``, -> which of them.
    """

    given: list[str | list[str]]
    prompts: list[Prompt]
    scenarios: dict[str, int]

    def groups(self) -> dict[str, str]:
        """Tell the groups of the scenarios that have one.

        Returns:
            dict[str, str]: Scenario -> group.
        """
        return {n: SCENARIOS[n].group for n in self.scenarios if n in SCENARIOS}


def collect_words(
    cfg: Config,
    text_prompts: str | None,
    keypoints: list[str],
    classifier: ScenarioClassifier | None,
) -> Words:
    """Collect the text prompts of a graph.

    Args:
        cfg (Config): The model's config, whose test pipeline says how prompts are made.
        text_prompts (str, optional): File: text prompts by scenario in YAML or JSON, or text with
            a text prompt a line; those of the test pipeline by default.
        keypoints (list[str]): Names of the keypoints.
        classifier (ScenarioClassifier, optional): Whose text prompts are to be there as well.

    Returns:
        Words: The text prompts, each once.

    Raises:
        OSError: If there is no such file.
        ValueError: If it holds no text prompts.
    """
    assign = _assign(cfg)
    table = {'default': assign.text_prompt} if assign.text_prompt else assign.text_prompts
    if text_prompts is not None:
        table = _read(text_prompts)
    if assign.per_keypoint:
        check_per_keypoint(table, text_prompts or 'AssignTextPrompt')
    words = Words([], [], {})
    for name, text_prompt in table.items():
        prompt = text_prompt
        if assign.per_keypoint:
            prompt = keypoint_text_prompts(text_prompt, keypoints)
        # What is no scenario's is called by itself.
        _add(words, text_prompt, prompt, None if name == text_prompt else name)
    for kind in classifier.classes if classifier is not None else ():
        _add(words, kind.text_prompt, kind.text_prompt, kind.scenario)
    return words


def _add(
    words: Words, given: str | list[str], prompt: Prompt, scenario: str | None
) -> None:
    """Add a text prompt, unless it is there, and what it is for."""
    if prompt not in words.prompts:
        words.given.append(given)
        words.prompts.append(prompt)
    if scenario is not None:
        words.scenarios.setdefault(scenario, words.prompts.index(prompt))


def _assign(cfg: Config) -> AssignTextPrompt:
    """Find the transform of the test pipeline that gives prompts, or make the usual one."""
    for transform in cfg.test_dataloader.dataset.pipeline:
        if TRANSFORMS.get(transform['type']) is AssignTextPrompt:
            return TRANSFORMS.build(transform)
    return AssignTextPrompt()


def _read(path: str) -> dict[str, str | list[str]]:
    """Read a file of text prompts: by scenario, or one a line, by itself where it has none."""
    if Path(path).suffix.lower() in FORMATS:
        return text_prompt_table(load_text_prompts(path))
    try:
        lines = Path(path).read_text(encoding='utf-8').splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f'{path} is no text in UTF-8: {error}.') from error
    lines = [check_text_prompt(line, path) for line in lines if line.strip()]
    if not lines:
        raise ValueError(f'{path} holds no text prompt; write one a line.')
    names = {text_prompt: name for name, text_prompt in text_prompt_table().items()}
    return {names.get(line, line): line for line in lines}
