"""The text prompts of a graph."""

from typing import NamedTuple

from mmengine.config import Config
from mmpose.registry import TRANSFORMS

from vlpose_mm.datasets.scenarios import SCENARIOS, keypoint_text_prompts
from vlpose_mm.datasets.text_prompts import check_per_keypoint, read_text_prompts
from vlpose_mm.datasets.transforms.text_prompt import AssignTextPrompt
from vlpose_mm.models.classifiers.scenario_classifier import ScenarioClassifier
from vlpose_mm.models.text_encoders.base import Prompt
from vlpose_mm.registry import find_class


class TextPrompts(NamedTuple):
    """The text prompts of a graph."""

    named: list[str | list[str]]  # as users name them
    # As the text encoder reads them, in the same order; perhaps one per keypoint.
    encoded: list[Prompt]
    scenarios: dict[str, int]  # index of the text prompt by scenario, or 'default'

    @property
    def groups(self) -> dict[str, str]:
        """dict[str, str]: Group by scenario, of those that have one."""
        return {n: SCENARIOS[n].group for n in self.scenarios if n in SCENARIOS}


def collect_text_prompts(
    cfg: Config,
    file: str | None,
    keypoint_names: list[str],
    classifier: ScenarioClassifier | None,
) -> TextPrompts:
    """Collect the text prompts of a graph, each once.

    Args:
        cfg (Config): The model's config, whose test pipeline says how they are made.
        file (str, optional): See :func:`read_text_prompts`; by default, the text prompts
            of the test pipeline.
        keypoint_names (list[str]): Names of the keypoints.
        classifier (ScenarioClassifier, optional): Its text prompts are added.

    Raises:
        OSError: If there is no such file.
        ValueError: If it holds no text prompts.
    """
    assign = _assign(cfg)
    table = {'default': assign.text_prompt} if assign.text_prompt else assign.text_prompts
    if file is not None:
        table = read_text_prompts(file)
    if assign.per_keypoint:
        check_per_keypoint(table, file or 'AssignTextPrompt')
    prompts = TextPrompts([], [], {})
    for name, named in table.items():
        encoded = named
        if assign.per_keypoint:
            encoded = keypoint_text_prompts(named, keypoint_names)
        _add(prompts, named, encoded, None if name == named else name)
    for each in classifier.classes if classifier is not None else ():
        _add(prompts, each.text_prompt, each.text_prompt, each.scenario)
    return prompts


def _add(
    prompts: TextPrompts, named: str | list[str], encoded: Prompt, scenario: str | None
) -> None:
    """Add a text prompt, unless it is there, and its scenario."""
    if encoded not in prompts.encoded:
        prompts.named.append(named)
        prompts.encoded.append(encoded)
    if scenario is not None:
        prompts.scenarios.setdefault(scenario, prompts.encoded.index(encoded))


def _assign(cfg: Config) -> AssignTextPrompt:
    """Return the AssignTextPrompt of the test pipeline, or the default one."""
    for transform in cfg.test_dataloader.dataset.pipeline:
        if find_class(TRANSFORMS, transform['type']) is AssignTextPrompt:
            return TRANSFORMS.build(transform)
    return AssignTextPrompt()
