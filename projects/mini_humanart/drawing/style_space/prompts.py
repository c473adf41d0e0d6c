"""Text prompts that tell the artificial scenarios in the words of the style space."""

import json
from pathlib import Path

import numpy as np

from .style import SCENARIO_STYLES
from .words import describe_style


def describe_scenarios(ann_file: Path, out: Path, seed: int = 0) -> Path:
    """Give every artificial image a description of its scenario as its text prompt.

    Every image has another wording, which depends on ``seed`` and its id. Photos keep what
    they have.
    """
    return _describe(ann_file, out, seed, wrong=False)


def misdescribe_scenarios(ann_file: Path, out: Path, seed: int = 0) -> Path:
    """Give every artificial image a description of another scenario, drawn from all."""
    return _describe(ann_file, out, seed, wrong=True)


def _describe(ann_file: Path, out: Path, seed: int, wrong: bool) -> Path:
    content = json.loads(ann_file.read_text())
    for image in content['images']:
        name = image['category'].replace(' ', '_')
        if name in SCENARIO_STYLES:
            rng = np.random.default_rng([seed, image['id']])
            if wrong:
                name = rng.choice([other for other in SCENARIO_STYLES if other != name])
            image['text_prompt'] = describe_style(rng, SCENARIO_STYLES[name])
    out.write_text(json.dumps(content))
    return out
