"""Images of random styles, each with a description."""

from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from ..dataset import SPLITS, Drawn, Job, draw
from ..styles import Scenario
from .paint import paint_style
from .style import Style, sample_spec, sample_style
from .words import describe_style

GROUP = '2D_virtual_human'
# beyond the scenarios of Human-Art, and far enough apart for thousands of styles
_FIRST_CODE = {'train': 100, 'val': 5000}


@dataclass(frozen=True)
class StyleJob(Job):
    """One image of a random style; ``kind`` is its name, such as 'style_017'.

    Args:
        number (int): Of the style within its split.
    """

    number: int = 0

    @property
    def code(self) -> int:
        """The leading digits of the image ids."""
        return _FIRST_CODE[self.split] + self.number

    @property
    def style(self) -> Style:
        """The style, which depends on seed, split and number alone."""
        rng = np.random.default_rng([self.seed, SPLITS.index(self.split), self.number])
        return sample_style(rng)

    @cached_property
    def scenario(self) -> Scenario:
        """The style as a scenario with the people of this image."""
        style = self.style
        spec = sample_spec(self.rng(2), style)
        return Scenario(
            self.kind, GROUP, self.code, spec, partial(paint_style, style=style)
        )


def style_jobs(
    out: Path, seed: int, split: str, styles: int, images: int
) -> list[StyleJob]:
    """List the images of a split; styles of 'val' are others than those of 'train'."""
    prefix = {'train': 'style', 'val': 'held_out_style'}[split]
    return [
        StyleJob(out, seed, f'{prefix}_{number:03d}', split, index, number)
        for number in range(styles)
        for index in range(images)
    ]


def _text_prompt(job: StyleJob) -> str:
    """A description that no earlier image of the style has."""
    rng = np.random.default_rng([job.seed, job.code])
    told: dict[str, None] = {}
    while len(told) <= job.index:
        told[describe_style(rng, job.style)] = None
    return list(told)[-1]


def draw_styled(job: StyleJob) -> Drawn:
    """Draw one image; its record has a ``text_prompt`` and the ``style``."""
    drawn = draw(job)
    text_prompt = _text_prompt(job)
    _, _, people = drawn.image['description'].partition(', ')
    drawn.image |= {
        'description': f'{text_prompt}, {people}',
        'text_prompt': text_prompt,
        'style': asdict(job.style),
    }
    return drawn
