"""The arms of the study: what is trained, and with which text prompts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config

from vlpose_mm.datasets.scenarios import REAL, SCENARIOS

CONFIGS = Path(__file__).resolve().parent / 'configs'
# The arm that every text prompt, and every left-out scenario, is tried on.
LORA = 'lora'


@dataclass(frozen=True)
class Arm:
    """A row of the table.

    Args:
        title (str): What the table calls it.
        config (str): Name of its config.
        test (str): The text prompts of its test: ``'own'``, those of the scenarios, or
            ``'wrong'``, another scenario's.
        shuffled (bool): Whether every image is trained with a random image's text prompt.
    """

    title: str
    config: str
    test: str = 'own'
    shuffled: bool = False


ARMS = dict(
    original=Arm('original (ViTPose, photos only)', 'original'),
    full=Arm('full fine-tuning', 'full'),
    last_layer=Arm('last layer', 'last_layer'),
    head_only=Arm('head only', 'head_only'),
    deep_prompts=Arm('deep prompts without text', 'deep_prompts'),
    paper=Arm("VLPose, the paper's model", 'paper'),
    paper_zero_gates=Arm('... with zero gates', 'paper_zero_gates'),
    paper_wrong=Arm(
        "... a wrong scenario's text prompt at test time", 'paper', test='wrong'
    ),
    lora=Arm('VLPose, low-rank updates', 'lora'),
    lora_wrong=Arm("... a wrong scenario's text prompt at test time", 'lora', 'wrong'),
    lora_shuffled=Arm('... shuffled text prompts in training', 'lora', shuffled=True),
    lora_random=Arm('... random embeddings', 'lora_random'),
    lora_no_text=Arm('... no text', 'lora_no_text'),
)


@dataclass(frozen=True)
class Training:
    """What is trained once, and tested in all ways that arms ask for.

    Args:
        config (str): Name of the config.
        seed (int): Seed of the training, and of what is shuffled.
        shuffled (bool): See :class:`Arm`.
        left_out (str, optional): A scenario that the training does without.
        data (str): What it is trained on: ``'mini'``, or ``'styles'``, random ones.
    """

    config: str
    seed: int
    shuffled: bool = False
    left_out: str | None = None
    data: str = 'mini'

    def __str__(self) -> str:
        name = f'{self.config}{"_shuffled" if self.shuffled else ""}'
        if self.left_out is not None:
            name += f'_without_{self.left_out}'
        return f'{name}/seed_{self.seed}'

    def load(self, epochs: int) -> Config:
        """Read its config, with this many epochs if it trains."""
        cfg = Config.fromfile(CONFIGS / f'{self.config}.py')
        # The study tests on its own.
        for name in ('val_dataloader', 'val_evaluator', 'val_cfg', 'test_evaluator'):
            cfg.pop(name, None)
        if cfg.train_cfg.max_epochs:
            cfg.train_cfg = dict(by_epoch=True, max_epochs=epochs)
            for scheduler in cfg.param_scheduler:
                if 'T_max' in scheduler:
                    scheduler.T_max = epochs
        cfg.train_dataloader.dataset.data_root = f'data/{self.data}/'
        return cfg


def artificial() -> list[str]:
    """List the scenarios that are not photos, in the order of the table."""
    return [name for name, scenario in SCENARIOS.items() if scenario.group != REAL]


def trainings(seeds: Sequence[int], left_out_seeds: Sequence[int]) -> list[Training]:
    """List all trainings, each once, what the table needs first."""
    of_arms = [
        # A seed decides about nothing where nothing is trained.
        Training(arm.config, seed, arm.shuffled)
        for seed in seeds
        for name, arm in ARMS.items()
        if name != 'original' or seed == seeds[0]
    ]
    without = [
        Training(LORA, seed, left_out=name)
        for seed in left_out_seeds
        for name in artificial()
    ]
    return list(dict.fromkeys([*of_arms, *without]))
