"""Draw images to disk and collect their records into annotation files."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from . import annotations as ann
from .photo import PHOTO_SPEC, paint_photo
from .scene import sample_scene
from .styles import SCENARIOS, Scenario

SPLITS = ('train', 'val')
_LONG = {'train': 'training', 'val': 'validation'}
# room for the people of one image between two annotation ids
_PEOPLE = 4


@dataclass(frozen=True)
class Job:
    """One image to draw.

    Args:
        out (Path): Root of the data set.
        seed (int): Of the whole set.
        kind (str): 'photo' or the name of a scenario.
        split (str): 'train' or 'val'.
        index (int): Number within its kind and split.
    """

    out: Path
    seed: int
    kind: str
    split: str
    index: int

    @property
    def scenario(self) -> Scenario | None:
        """What is painted how; of a photo: ``None``."""
        return SCENARIOS.get(self.kind)

    @property
    def code(self) -> int:
        """The scenario's number, 0 for photos."""
        return self.scenario.code if self.scenario else 0

    def rng(self, purpose: int) -> np.random.Generator:
        """A generator that depends on the job alone, not on the order of drawing."""
        split = SPLITS.index(self.split)
        return np.random.default_rng([self.seed, self.code, split, self.index, purpose])


@dataclass
class Drawn:
    """Records of one drawn image."""

    job: Job
    image: dict
    annotations: list[dict]
    detections: list[dict]


def draw(job: Job) -> Drawn:
    """Draw one image, write it and return its records."""
    rng = job.rng(0)
    # the splits of one kind count from far apart, so their ids never meet
    number = 1 + job.index + 500_000 * SPLITS.index(job.split)
    scenario = job.scenario
    if scenario is None:
        scene = sample_scene(rng, PHOTO_SPEC)
        image = paint_photo(rng, scene)
        record = ann.coco_image(scene, number)
        people = ann.coco_annotations(scene, number, number * _PEOPLE)
        path = job.out / 'coco' / f'{job.split}2017' / record['file_name']
        bboxes = ann.detect(job.rng(1), people, scene.size, skill=0.9)
        bboxes = ann.corners_to_sizes(bboxes)
    else:
        scene = sample_scene(rng, scenario.spec)
        image = scenario.paint(rng, scene)
        prefix = scenario.code * 10**12
        record = ann.humanart_image(scene, scenario, prefix + number, image)
        people = ann.humanart_annotations(scene, prefix + number, prefix + number * _PEOPLE)
        path = job.out / record['file_name']
        # Human-Art stores xyxy here, COCO xywh
        bboxes = ann.detect(job.rng(1), people, scene.size, skill=0.5)
    if not cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, 90]):
        raise OSError(f'cannot write {path}')
    return Drawn(job, record, people, bboxes)


def make_folders(out: Path) -> None:
    """Create every folder that images and records go to."""
    folders = [f'coco/{split}2017' for split in SPLITS]
    folders += [f'HumanArt/images/{s.group}/{s.name}' for s in SCENARIOS.values()]
    for data in ('coco', 'HumanArt'):
        folders += [f'{data}/annotations', f'{data}/person_detection_results']
    for folder in folders:
        (out / folder).mkdir(parents=True, exist_ok=True)


def write_json(path: Path, content: dict | list) -> None:
    """Write JSON through a temporary file, so that a crash leaves no half of it."""
    temporary = path.with_suffix('.tmp')
    temporary.write_text(json.dumps(content))
    os.replace(temporary, path)


def _info(name: str) -> dict:
    return {
        'description': f'Drawn stand-in for {name}, see projects/mini_humanart.',
        'year': 2024,
        'date_created': '2024/01/01',
    }


def _records(drawn: list[Drawn]) -> dict[str, list[dict]]:
    return {
        'images': [d.image for d in drawn],
        'annotations': [a for d in drawn for a in d.annotations],
    }


def write_coco(out: Path, drawn: list[Drawn], split: str) -> None:
    """Write the keypoints of one split of the photos and, for val, detected bboxes."""
    content = {
        'info': _info('COCO'),
        'licenses': [{'url': '', 'id': 1, 'name': 'drawn, no photo'}],
        'categories': [ann.COCO_CATEGORY],
        **_records(drawn),
    }
    folder = out / 'coco'
    write_json(folder / 'annotations' / f'person_keypoints_{split}2017.json', content)
    if split == 'val':
        write_json(
            folder / 'person_detection_results'
            / 'COCO_val2017_detections_AP_H_56_person.json',
            [box for d in drawn for box in d.detections],
        )  # fmt: skip


def _write_art(out: Path, split: str, suffix: str, records: dict[str, list[dict]]) -> None:
    content = {
        'info': _info('Human-Art'),
        **records,
        'categories': [ann.HUMANART_CATEGORY],
    }
    name = f'{_LONG[split]}_humanart{suffix}.json'
    write_json(out / 'HumanArt/annotations' / name, content)


def write_art(out: Path, drawn: list[Drawn], split: str) -> None:
    """Write the keypoints of one split of the art and, for val, detected bboxes."""
    _write_art(out, split, '', _records(drawn))
    if split == 'val':
        write_json(
            out / 'HumanArt/person_detection_results'
            / 'HumanArt_validation_detections_AP_H_56_person.json',
            [box for d in drawn for box in d.detections],
        )  # fmt: skip


def write_humanart(out: Path, drawn: list[Drawn], photos: list[Drawn], split: str) -> None:
    """Write the files of one split: all art, each scenario, art with photos."""
    write_art(out, drawn, split)
    art = _records(drawn)
    for name in SCENARIOS:
        own = _records([d for d in drawn if d.job.kind == name])
        _write_art(out, split, f'_{name}', own)
    union = _records(photos)
    prefix = f'coco/{split}2017/'
    images = [{**i, 'file_name': prefix + i['file_name']} for i in union['images']]
    _write_art(out, split, '_coco', {
        'images': art['images'] + images,
        'annotations': art['annotations'] + union['annotations'],
    })  # fmt: skip
