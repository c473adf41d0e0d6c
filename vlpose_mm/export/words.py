"""Which sentences a graph holds, and what they are for."""

from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config
from mmpose.registry import TRANSFORMS

from vlpose_mm.datasets.scenarios import SCENARIOS, keypoint_sentences, sentence_table
from vlpose_mm.datasets.sentences import (
    FORMATS,
    check_sentence,
    check_single,
    load_sentences,
)
from vlpose_mm.datasets.transforms import AssignTextPrompt
from vlpose_mm.models.scenario_classifier import ScenarioClassifier
from vlpose_mm.models.text_features import Prompt


class Words(NamedTuple):
    """The sentences of a graph.

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
    sentences: str | None,
    keypoints: list[str],
    classifier: ScenarioClassifier | None,
) -> Words:
    """Collect the sentences of a graph.

    Args:
        cfg (Config): The model's config, whose test pipeline says how prompts are made.
        sentences (str, optional): File: sentences by scenario in YAML or JSON, or text with
            a sentence a line; those of the test pipeline by default.
        keypoints (list[str]): Names of the keypoints.
        classifier (ScenarioClassifier, optional): Whose sentences are to be there as well.

    Returns:
        Words: The sentences, each once.

    Raises:
        OSError: If there is no such file.
        ValueError: If it holds no sentences.
    """
    assign = _assign(cfg)
    table = {'default': assign.sentence} if assign.sentence else assign.sentences
    if sentences is not None:
        table = _read(sentences)
    if assign.per_keypoint:
        check_single(table, sentences or 'AssignTextPrompt')
    words = Words([], [], {})
    for name, sentence in table.items():
        prompt = sentence
        if assign.per_keypoint:
            prompt = keypoint_sentences(sentence, keypoints)
        # What is no scenario's is called by itself.
        _add(words, sentence, prompt, None if name == sentence else name)
    for kind in classifier.classes if classifier is not None else ():
        _add(words, kind.prompt, kind.prompt, kind.scenario)
    return words


def _add(
    words: Words, given: str | list[str], prompt: Prompt, scenario: str | None
) -> None:
    """Add a sentence, unless it is there, and what it is for."""
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
    """Read a file of sentences: by scenario, or one a line, by itself where it has none."""
    if Path(path).suffix.lower() in FORMATS:
        return sentence_table(load_sentences(path))
    try:
        lines = Path(path).read_text(encoding='utf-8').splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f'{path} is no text in UTF-8: {error}.') from error
    lines = [check_sentence(line, path) for line in lines if line.strip()]
    if not lines:
        raise ValueError(f'{path} holds no sentence; write one a line.')
    names = {sentence: name for name, sentence in sentence_table().items()}
    return {names.get(line, line): line for line in lines}
