"""Runs of models of different quality on a few drawn images."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from projects.domain_gap_report.comparison import Comparison
from projects.domain_gap_report.runs import RunReader

ART = 'HumanArt/annotations/validation_humanart.json'
PHOTOS = 'coco/annotations/person_keypoints_val2017.json'
BOTH = 'HumanArt/annotations/validation_humanart_coco.json'
FILES = dict(art=ART, photos=PHOTOS, both=BOTH)


def read(path: Path) -> dict | list:
    return json.loads(path.read_text())


def write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path


def results(ann_file: Path, noise: float) -> list[dict]:
    """The annotated instances, each keypoint off by a few pixels."""
    rng = np.random.default_rng(0)
    found = []
    for instance in read(ann_file)['annotations']:
        points = np.array(instance['keypoints'], float).reshape(17, 3)
        error = rng.exponential()
        points[:, :2] += rng.normal(0, 1, (17, 2)) * error * noise
        points[:, 2] = 0.9
        record = dict(image_id=instance['image_id'], category_id=1, score=1 / (1 + error))
        found.append(record | dict(keypoints=points.flatten().tolist()))
    return found


@pytest.fixture
def make_run(mini_data: Path, tmp_path: Path) -> Callable[..., Path]:
    """Write a work folder as MMPose's tools leave it: results and dumped configs."""

    def make(name: str, **noises: float) -> Path:
        """``art``, ``photos`` or ``both``: error in pixels."""
        folder = tmp_path / name
        folder.mkdir()
        for kind, noise in noises.items():
            ann_file = mini_data / FILES[kind]
            write(folder / f'{kind}.keypoints.json', results(ann_file, noise))
            root = mini_data / ('coco' if kind == 'photos' else '')
            images = 'val2017/' if kind == 'photos' else ''
            (folder / f'{kind}.py').write_text(
                f'test_dataloader = dict(\n    dataset=dict(\n'
                f"        data_root='{root}', ann_file='{ann_file.relative_to(root)}',\n"
                f"        data_prefix=dict(img='{images}')))\n"
                f"test_evaluator = dict(ann_file='{ann_file}', type='CocoMetric')\n"
            )
        return folder

    return make


@pytest.fixture
def compare(make_run: Callable) -> Callable[..., Comparison]:
    """Compare runs: keypoint errors by kind of images, by name."""

    def compare(**runs: dict[str, float]) -> Comparison:
        folders = [str(make_run(name, **noises)) for name, noises in runs.items()]
        return Comparison(RunReader().read(folders))

    return compare
