"""What the study of language trains, and the text prompts that it tests with."""

import json
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import torch
from mmengine.config import Config
from mmengine.runner import Runner, autocast

from projects.mini_humanart.study.test_set import TestSet
from projects.mini_humanart.study.training import make_temporary, write_json
from projects.real_small.study.other_words import (
    LEAST_LIKE,
    NUM_LISTS,
    OTHER_WORDS,
    STYLES,
)
from projects.real_small.study.scores import score_images
from projects.real_small.study.tables import ORIGINAL
from vlpose_mm.datasets.scenarios import DEFAULT_TEXT_PROMPT, text_prompt_table
from vlpose_mm.evaluation import evaluate_file

CONFIGS = Path(__file__).with_name('configs')
SENTENCE, WORDS, RANDOM, NO_TEXT = 'lora', 'words', 'random', 'no_text'
TUNED = (SENTENCE, WORDS, RANDOM, NO_TEXT)
# Width and height of the input.
SIZE = 144, 192
SIZES = dict(input_size=SIZE, heatmap_size=(36, 48), img_size=SIZE[::-1])
OTHERS = tuple(f'other_{number}' for number in range(NUM_LISTS))


@dataclass(frozen=True)
class Run:
    """A training and its tests.

    Args:
        arm (str): Name of its config, or the original, for which nothing is trained.
        seed (int): Its seed.
        left_out (str, optional): The style that it does without.
    """

    arm: str
    seed: int
    left_out: str | None = None

    def __str__(self) -> str:
        without = '' if self.left_out is None else f'_without_{self.left_out}'
        return f'{self.arm}{without}/seed_{self.seed}'

    @property
    def tested(self) -> Sequence[str]:
        """Sequence[str]: Styles to test on."""
        return STYLES if self.left_out is None else (self.left_out,)

    @property
    def conditions(self) -> list[tuple[str, str]]:
        """list[tuple[str, str]]: Which text prompts it is tested with, and how read."""
        literal, known = ['own'], []
        if self.arm in (SENTENCE, WORDS):
            literal = ['own', *OTHERS, 'photo', 'wrong']
            known = ['own', *OTHERS]
        return [
            *((words, 'literal') for words in literal),
            *((words, 'known') for words in known),
        ]


def runs(seeds: Sequence[int]) -> list[Run]:
    """List all trainings, a seed after the other."""
    # A seed decides about nothing where nothing is trained.
    return [Run(ORIGINAL, seeds[0])] + [
        Run(arm, seed, left_out)
        for seed in seeds
        for left_out in (None, *STYLES)
        for arm in TUNED
    ]


def load(run: Run, steps: int, data: Path, folder: Path) -> Config:
    """Read the config of a run.

    Args:
        run (Run): The run.
        steps (int): How many steps it trains.
        data (Path): The folder that configs call ``data/``.
        folder (Path): An empty folder.
    """
    arm = NO_TEXT if run.arm == ORIGINAL else run.arm
    cfg = Config.fromfile(str(CONFIGS / f'{arm}.py'))
    replaced = {**SIZES, 'data_root': str(data)}
    cfg = Config(_replace(cfg.to_dict(), replaced))
    # The study tests on its own.
    for name in ('val_dataloader', 'val_evaluator', 'val_cfg', 'test_evaluator'):
        cfg.pop(name, None)
    cfg.model.test_cfg.flip_test = False
    cfg.model.test_cfg.route = 'original' if run.arm == ORIGINAL else 'tuned'
    cfg.train_cfg = dict(type='IterBasedTrainLoop', max_iters=steps)
    cfg.param_scheduler[1].T_max = steps
    # There are as many trainings as cores.
    cfg.train_dataloader.update(num_workers=0, persistent_workers=False)
    dataset = cfg.train_dataloader.dataset
    balanced = balance(dataset.datasets, dataset.sample_ratio_factor, run.left_out, folder)
    dataset.datasets, dataset.sample_ratio_factor = balanced
    make_temporary(cfg, folder, run.seed)
    return cfg


def _replace(value: object, replaced: Mapping[str, object]) -> object:
    """Replace the values of some keys, at any depth."""
    if isinstance(value, dict):
        return {k: replaced.get(k, _replace(v, replaced)) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_replace(v, replaced) for v in value)
    return value


def balance(
    datasets: Sequence[dict],
    factors: Sequence[float],
    left_out: str | None,
    folder: Path,
    num_samples: int = 1000,
) -> tuple[list[dict], list[float]]:
    """Show each style as often as the others, and one of them never.

    Args:
        datasets (Sequence[dict]): Configs of datasets of several styles.
        factors (Sequence[float]): How often each is seen for another.
        left_out (str, optional): The style that is not to be seen.
        folder (Path): Where the annotations by style are written.
        num_samples (int): Samples of a style in an epoch.

    Returns:
        tuple[list[dict], list[float]]: Datasets of one style each, and their factors.
    """
    parts, seen = [], Counter()
    for number, (dataset, factor) in enumerate(zip(datasets, factors, strict=True)):
        content = json.loads(Path(dataset['data_root'], dataset['ann_file']).read_text())
        for style in sorted({image['category'] for image in content['images']}):
            images = [i for i in content['images'] if i['category'] == style]
            ids = {image['id'] for image in images}
            own = [a for a in content['annotations'] if a['image_id'] in ids]
            file = folder / f'{number}_{style}.json'
            file.write_text(json.dumps({**content, 'images': images, 'annotations': own}))
            if style != left_out:
                parts.append((style, {**dataset, 'ann_file': str(file)}, factor))
                seen[style] += factor * len(own)
    return (
        [dataset for _, dataset, _ in parts],
        [factor * num_samples / seen[style] for style, _, factor in parts],
    )


def text_prompts(
    pipeline: Sequence[dict], images: Sequence[dict]
) -> dict[str, dict[int, str]]:
    """Return what to test with: a name -> a text prompt for each image id.

    - ``own``: the sentence of its style;
    - ``other_N``: other words for it, see :data:`OTHER_WORDS`;
    - ``photo``: what is read where nothing is said;
    - ``wrong``: the sentence of the style that it is least like.
    """
    (assign,) = (step for step in pipeline if step['type'] == 'AssignTextPrompt')
    own = text_prompt_table(assign['text_prompts'])
    by_style = dict(
        own=own,
        photo=dict.fromkeys(STYLES, DEFAULT_TEXT_PROMPT),
        wrong={style: own[other] for style, other in LEAST_LIKE.items()},
        **{
            name: {style: words[number] for style, words in OTHER_WORDS.items()}
            for number, name in enumerate(OTHERS)
        },
    )
    return {
        name: {image['id']: words[image['category']] for image in images}
        for name, words in by_style.items()
    }


def train_and_test(run: Run, steps: int, data: Path, result: Path) -> float:
    """Train, test in all conditions, and note the result; return the mean AP.

    The result is by ``'WORDS/READING'`` and style: ``AP`` and ``PCK``, in [0, 1].
    """
    ann_file = data / 'real_small/annotations/test.json'
    images = [
        image
        for image in json.loads(ann_file.read_text())['images']
        if image.get('category') in run.tested
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cfg = load(run, steps, data, folder)
        loader = cfg.pop('test_dataloader').to_dict()
        prompts = text_prompts(loader['dataset']['pipeline'], images)
        cfg.pop('test_cfg', None)
        runner = Runner.from_cfg(cfg)
        if run.arm == ORIGINAL:
            runner.load_or_resume()
        else:
            runner.train()
        model = runner.model
        test_set = TestSet(loader, ann_file, {image['id'] for image in images})
        found = {}
        for words, reading in run.conditions:
            model.test_cfg['text_reading'] = reading
            # As in training; on a CPU it takes less than half as long.
            with autocast(dtype=torch.bfloat16):
                file = test_set.find(model, folder, prompts[words])
            evaluation = evaluate_file(ann_file, file)
            found[f'{words}/{reading}'] = {
                style: score_images(
                    evaluation, [i['id'] for i in images if i['category'] == style]
                )
                for style in run.tested
            }
    write_json(found, result)
    return mean(scores['AP'] for scores in found['own/literal'].values())
