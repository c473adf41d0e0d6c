"""Where the images of the data cases come from: the config's own, or synthetic ones."""

import copy
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import cv2
import numpy as np
from mmengine.dataset import BaseDataset
from mmpose.registry import DATASETS

from vlpose_mm.datasets.scenarios import SCENARIOS

# As large as most of COCO's.
WIDTH, HEIGHT = 640, 480
NUM_IMAGES = 16
PEOPLE_PER_IMAGE = 2


class Datasets(NamedTuple):
    """What is loaded.

    Attributes:
        train (BaseDataset): With the config's pipeline for training.
        val (BaseDataset): With the one for validation.
        source (str): Whose images they are.
    """

    train: BaseDataset
    val: BaseDataset
    source: str


@contextmanager
def open_datasets(cfg: Mapping) -> Iterator[Datasets]:
    """Build the config's datasets, of synthetic images where its own are not there.

    Boxes are the true ones.

    Args:
        cfg (Mapping): A config with ``train_dataloader`` and ``val_dataloader``.

    Yields:
        Datasets: Both. Synthetic images are removed in the end.

    Raises:
        ValueError: If an annotation file is broken.
    """
    wanted = [
        copy.deepcopy(dict(cfg[f'{split}_dataloader']['dataset']))
        for split in ('train', 'val')
    ]
    for dataset in wanted:
        if 'bbox_file' in dataset:
            dataset['bbox_file'] = None
    missing = next(filter(None, map(_missing_file, wanted)), None)
    if missing is None:
        built = [DATASETS.build(dataset) for dataset in wanted]
        images = [dataset.get_data_info(0)['img_path'] for dataset in built]
        missing = next((path for path in images if not os.path.isfile(path)), None)
    if missing is None:
        yield Datasets(*built, source="the config's own images")
        return
    with TemporaryDirectory() as folder:
        annotations = write_people(Path(folder))
        built = [
            DATASETS.build(
                dict(
                    type='HumanArtVLDataset',
                    data_root=folder,
                    ann_file=annotations,
                    data_prefix=dict(img=''),
                    pipeline=dataset['pipeline'],
                    test_mode=bool(dataset.get('test_mode', False)),
                )
            )
            for dataset in wanted
        ]
        size = f'{WIDTH} x {HEIGHT}'
        yield Datasets(*built, source=f'synthetic images of {size}; there is no {missing}')


def write_people(folder: Path) -> str:
    """Make up people on smooth random images, laid out as Human-Art is.

    Args:
        folder (Path): Where to write.

    Returns:
        str: The annotation file, relative to the folder.
    """
    rng = np.random.default_rng(0)
    images, people = [], []
    for index in range(NUM_IMAGES):
        scenario = [*SCENARIOS][index % len(SCENARIOS)]
        name = f'HumanArt/images/{SCENARIOS[scenario].group}/{scenario}/{index:012d}.jpg'
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        coarse = rng.integers(0, 256, (HEIGHT // 40, WIDTH // 40, 3), dtype=np.uint8)
        image = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / name), image)
        record = dict(id=index, file_name=name, width=WIDTH, height=HEIGHT)
        images.append(dict(record, category=scenario.replace('_', ' '), description=''))
        for _ in range(PEOPLE_PER_IMAGE):
            w, h = rng.integers((100, 200), (300, 440)).tolist()
            x, y = rng.integers((WIDTH - w, HEIGHT - h)).tolist()
            points = rng.uniform((x, y), (x + w, y + h), (17, 2)).round(1)
            keypoints = np.hstack([points, np.full((17, 1), 2)])  # 17, 3
            person = dict(id=len(people), image_id=index, category_id=1, iscrowd=0)
            person.update(bbox=[x, y, w, h], area=w * h, num_keypoints=17)
            people.append(dict(person, keypoints=keypoints.flatten().tolist()))
    path = 'HumanArt/annotations/humanart.json'
    (folder / path).parent.mkdir()
    categories = [dict(id=1, name='person')]
    content = dict(images=images, annotations=people, categories=categories)
    (folder / path).write_text(json.dumps(content))
    return path


def _missing_file(dataset: Mapping) -> str | None:
    """Name an annotation file that a dataset, or one that it is made of, has not got."""
    for part in dataset.get('datasets', []):
        missing = _missing_file(part)
        if missing is not None:
            return missing
    if not dataset.get('ann_file'):
        return None
    path = os.path.join(dataset.get('data_root') or '', dataset['ann_file'])
    return None if os.path.isfile(path) else path
