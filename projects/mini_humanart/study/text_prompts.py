"""Annotation files with other text prompts, or without a scenario."""

import json
import random
from pathlib import Path

from vlpose_mm.datasets.scenarios import SCENARIOS, scenario_name


def shuffle(ann_file: Path, out: Path, seed: int) -> Path:
    """Give every image the text prompt of a random one."""
    content = json.loads(ann_file.read_text())
    names = [scenario_name(image['category']) for image in content['images']]
    random.Random(seed).shuffle(names)
    return _write(content, names, out)


def confuse(ann_file: Path, out: Path) -> Path:
    """Give every image the text prompt of another scenario, drawn from all others."""
    content = json.loads(ann_file.read_text())
    draw = random.Random(0)
    names = []
    for image in content['images']:
        own = scenario_name(image['category'])
        names.append(draw.choice([name for name in SCENARIOS if name != own]))
    return _write(content, names, out)


def leave_out(ann_file: Path, out: Path, scenario: str) -> Path:
    """Take out the images of a scenario."""
    content = json.loads(ann_file.read_text())
    gone = {i['id'] for i in content['images'] if scenario_name(i['category']) == scenario}
    content['images'] = [i for i in content['images'] if i['id'] not in gone]
    content['annotations'] = [
        a for a in content['annotations'] if a['image_id'] not in gone
    ]
    out.write_text(json.dumps(content))
    return out


def _write(content: dict, names: list[str], out: Path) -> Path:
    """Write annotations with the text prompts of these scenarios."""
    for image, name in zip(content['images'], names, strict=True):
        image['text_prompt'] = SCENARIOS[name].text_prompt
    out.write_text(json.dumps(content))
    return out
