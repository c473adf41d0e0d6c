"""What the study of language trains, and the text prompts that it tests with."""

import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch

from projects.mini_humanart.drawing.style_space.prompts import (
    describe_scenarios,
    misdescribe_scenarios,
)
from projects.mini_humanart.study.arms import LORA, Training, artificial
from projects.mini_humanart.study.other_words import word_lists
from projects.mini_humanart.study.test_set import TestSet
from projects.mini_humanart.study.text_prompts import confuse, text_prompts_of
from projects.mini_humanart.study.training import ART, Prepared, write_json
from vlpose_mm.checkpoint.io import replace_file
from vlpose_mm.datasets.scenarios import DEFAULT_TEXT_PROMPT, SCENARIOS, scenario_name
from vlpose_mm.datasets.wordings import load_wordings
from vlpose_mm.models import VLPoseEstimator
from vlpose_mm.models.text_encoders.reader import TextReader

PARTS = ('wordings', 'styles', 'left_out')
WORDS, DESCRIBED = 'lora_words', 'lora_described'
RANDOM, NO_TEXT = 'lora_random', 'lora_no_text'
TEMPERATURES = (0.01, 0.02, 0.03, 0.05, 0.1, 0.2)


@dataclass(frozen=True)
class Run:
    """A training of the study, and the part that it belongs to."""

    part: str
    training: Training

    def __str__(self) -> str:
        return f'{self.part}/{self.training}'

    @property
    def epochs(self) -> int:
        """int: 30 as the demo, or 12 as the other study."""
        return 30 if self.part == 'wordings' else 12


class Condition(NamedTuple):
    """How a model is tested.

    Attributes:
        words (str): Which text prompts, see :func:`text_prompts`.
        reading (str): How they are read.
        temperature (float, optional): Of the reading, if it is not the default.
    """

    words: str
    reading: str = 'literal'
    temperature: float | None = None

    def __str__(self) -> str:
        at = '' if self.temperature is None else f'@{self.temperature}'
        return f'{self.words}/{self.reading}{at}'


CHOICE = [f'choice_{number}' for number in range(len(word_lists()[0]))]
TEST = [f'test_{number}' for number in range(len(word_lists()[1]))]
WORDINGS = [
    'own',
    'capitals',
    'name',
    *CHOICE,
    *TEST,
    'photo',
    'car',
    'wrong',
    'wrong_test',
]


def runs(parts: Iterable[str], seeds: int, left_out_seeds: int) -> list[Run]:
    """List the trainings of some parts, what the tables need first at the front."""
    of_part = dict(
        wordings=[Training(c, seed) for seed in range(seeds) for c in (LORA, WORDS)],
        styles=[
            Training(config, seed, shuffled, data='styles')
            for seed in range(seeds)
            for config, shuffled in (
                (LORA, False),
                (DESCRIBED, False),
                (NO_TEXT, False),
                (RANDOM, False),
                (LORA, True),
                ('full', False),
            )
        ],
        left_out=[
            Training(config, seed, left_out=name)
            for seed in range(left_out_seeds)
            for name in artificial()
            for config in (LORA, WORDS, NO_TEXT, RANDOM)
        ],
    )
    found = [Run(part, training) for part in parts for training in of_part[part]]
    return sorted(found, key=lambda run: run.part != 'styles' and run.training.seed > 0)


def conditions(run: Run) -> list[Condition]:
    """List how a run is tested."""
    literal, known, temperatures = ['own'], [], ()
    if run.training.config in (LORA, WORDS, DESCRIBED):
        if run.part == 'wordings':
            literal = known = WORDINGS
            temperatures = TEMPERATURES if run.training.seed == 0 else ()
        elif run.part == 'left_out':
            literal = known = ['own', *TEST, 'photo']
        else:
            literal = ['right', 'misdescribed', 'own', *TEST, 'photo']
            # The other one knows too many to find a few.
            known = ['right', 'own', *TEST] if run.training.config == LORA else []
    return [
        *(Condition(words) for words in literal),
        *(Condition(words, 'known') for words in known),
        *(Condition(words, 'known', t) for t in temperatures for words in CHOICE),
    ]


def text_prompts(ann_file: Path, folder: Path) -> dict[str, dict[int, str]]:
    """Return what to test with: a name -> a text prompt for each image.

    - ``own``: the sentence of its scenario; ``capitals``: typed so, with a full stop;
      ``name``: the scenario's name;
    - ``choice_N`` and ``test_N``: other words, see :func:`word_lists`;
    - ``photo`` and ``car``: the same for all;
    - ``wrong`` and ``wrong_test``: the sentence, or other words, of another scenario;
    - ``right`` and ``misdescribed``: a description of its scenario in the words of the
      random styles, or of another one.
    """
    own = text_prompts_of(ann_file)
    images = json.loads(ann_file.read_text())['images']
    scenarios = {i['id']: scenario_name(i['category']) for i in images}
    names = artificial()
    choice, test = word_lists()
    others = {name: test[0][names[i - 5]] for i, name in enumerate(names)}
    lists = {
        **{f'choice_{number}': words for number, words in enumerate(choice)},
        **{f'test_{number}': words for number, words in enumerate(test)},
        'wrong_test': others,
    }
    return dict(
        own=own,
        capitals={i: f'{text.upper()}.' for i, text in own.items()},
        name={i: name.replace('_', ' ') for i, name in scenarios.items()},
        photo=dict.fromkeys(own, DEFAULT_TEXT_PROMPT),
        car=dict.fromkeys(own, 'a photo of a car'),
        wrong=text_prompts_of(confuse(ann_file, folder / 'wrong.json')),
        right=text_prompts_of(describe_scenarios(ann_file, folder / 'right.json')),
        misdescribed=text_prompts_of(
            misdescribe_scenarios(ann_file, folder / 'misdescribed.json')
        ),
        **{
            name: {i: words.get(scenario, own[i]) for i, scenario in scenarios.items()}
            for name, words in lists.items()
        },
    )


def train_and_test(run: Run, data: Mapping[str, Path], result: Path) -> float:
    """Train, or load what was trained, and test as was not tested yet.

    The result is by condition: artificial AP and AP of every artificial scenario, in [0,
    1]; of a scenario that was left out, only its own. The weights are kept beside it.
    """
    training, weights = run.training, result.with_suffix('.pth')
    tested = [training.left_out] if training.left_out else artificial()
    shown = tested if training.left_out else ['artificial', *tested]
    found = json.loads(result.read_text()) if result.exists() else {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepared = Prepared(training, run.epochs, data, folder)
        model = prepared.runner.model
        reads = isinstance(model, VLPoseEstimator)
        if not weights.exists():
            prepared.train()
            known = list(model.adapter_text.tuned_with) if reads else []
            saved = dict(state_dict=model.state_dict(), text_prompts=known)
            result.parent.mkdir(parents=True, exist_ok=True)
            with replace_file(str(weights)) as file:
                torch.save(saved, file)
        saved = torch.load(weights, weights_only=True)
        model.load_state_dict(saved['state_dict'])
        if reads:
            model.adapter_text.tuned_with = dict.fromkeys(saved['text_prompts'])
        ann_file = data['mini'] / ART.format('validation')
        images = json.loads(ann_file.read_text())['images']
        test_set = TestSet(
            prepared.test_dataloader,
            ann_file,
            {i['id'] for i in images if scenario_name(i['category']) in tested},
        )
        prompts = text_prompts(ann_file, folder)
        for condition in conditions(run):
            if str(condition) not in found:
                own = prompts[condition.words]
                reading = condition.reading
                if condition.temperature is not None:
                    own = _read(model, saved['text_prompts'], own, condition.temperature)
                    reading = 'literal'
                model.test_cfg['text_reading'] = reading
                scores, _ = test_set.test(model, own)
                found[str(condition)] = {key: scores[key] for key in shown}
                write_json(found, result)
    return found['own/literal'][shown[0]]


def _read(
    model: VLPoseEstimator,
    known: list[str],
    text_prompts: Mapping[int, str],
    temperature: float,
) -> dict[int, dict[str, float]]:
    """Read text prompts as the model would at another temperature."""
    wordings = {
        SCENARIOS[name].text_prompt: words.told() for name, words in load_wordings().items()
    }
    reader = TextReader(model.text_encoder, known, wordings, temperature)
    return {i: reader.read(text).shares for i, text in text_prompts.items()}
