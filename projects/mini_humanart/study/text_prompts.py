"""Annotation files with other text prompts, or without a scenario."""

import json
import random
from pathlib import Path

from vlpose_mm.datasets.scenarios import SCENARIOS, scenario_name


def shuffle(ann_file: Path, out: Path, seed: int) -> Path:
    """Give every image the text prompt of a random one."""
    content = json.loads(ann_file.read_text())
    text_prompts = [*text_prompts_of(ann_file).values()]
    random.Random(seed).shuffle(text_prompts)
    return _write(content, text_prompts, out)


def confuse(ann_file: Path, out: Path) -> Path:
    """Give every image the text prompt of another scenario, drawn from all others."""
    content = json.loads(ann_file.read_text())
    draw = random.Random(0)
    names = []
    for image in content['images']:
        own = scenario_name(image['category'])
        names.append(draw.choice([name for name in SCENARIOS if name != own]))
    return _write(content, [SCENARIOS[name].text_prompt for name in names], out)


def forget(ann_file: Path, out: Path) -> Path:
    """Take out the text prompts, so that each image has that of its scenario's name."""
    content = json.loads(ann_file.read_text())
    for image in content['images']:
        image.pop('text_prompt', None)
    out.write_text(json.dumps(content))
    return out


def text_prompts_of(ann_file: Path) -> dict[int, str]:
    """Read the text prompts by image id; where there is none, that of the scenario."""
    return {
        image['id']: image.get('text_prompt')
        or SCENARIOS[scenario_name(image['category'])].text_prompt
        for image in json.loads(ann_file.read_text())['images']
    }


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


def _write(content: dict, text_prompts: list[str], out: Path) -> Path:
    """Write annotations with these text prompts."""
    for image, text_prompt in zip(content['images'], text_prompts, strict=True):
        image['text_prompt'] = text_prompt
    out.write_text(json.dumps(content))
    return out
