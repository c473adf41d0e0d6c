"""The images of the data cases: the config's own, or synthetic ones."""

import copy
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from mmengine.dataset import BaseDataset
from mmpose.registry import DATASETS

from projects.benchmark.synthetic import write_dataset

# As large as most of COCO's.
WIDTH, HEIGHT = 640, 480
NUM_IMAGES = 16


class Datasets(NamedTuple):
    """What is loaded.

    Attributes:
        train (BaseDataset): With the config's pipeline for training.
        val (BaseDataset): With the one for validation.
        source (str): Where the images come from.
    """

    train: BaseDataset
    val: BaseDataset
    source: str


@contextmanager
def open_datasets(cfg: Mapping) -> Iterator[Datasets]:
    """Build the config's datasets, of synthetic images where its own are missing.

    Both have ground-truth bboxes. Synthetic images are removed in the end.
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
        ann_file, _ = write_dataset(Path(folder), NUM_IMAGES, [(HEIGHT, WIDTH)])
        built = [DATASETS.build(synthetic_dataset(d, ann_file)) for d in wanted]
        source = f'synthetic images of {WIDTH} x {HEIGHT}; there is no {missing}'
        yield Datasets(*built, source=source)


def synthetic_dataset(dataset: Mapping, ann_file: Path) -> dict:
    """Put a synthetic set, with images beside ``ann_file``, in a dataset's place."""
    return dict(
        type='HumanArtVLDataset',
        data_root=f'{ann_file.parent}/',
        ann_file=ann_file.name,
        data_prefix=dict(img=''),
        pipeline=copy.deepcopy(dataset['pipeline']),
        test_mode=bool(dataset.get('test_mode', False)),
    )


def mmpose_dataset(dataset: Mapping) -> dict:
    """Put MMPose's dataset, flip and packing in the place of ours, without text prompts."""
    pipeline = [
        dict(step, type='RandomFlip') if step['type'] == 'ContiguousRandomFlip' else step
        for step in dataset['pipeline']
        if step['type'] not in ('AssignTextPrompt', 'RandomTextPrompt', 'PackPoseInputs')
    ]
    pipeline.append(dict(type='PackPoseInputs'))
    return dict(dataset, type='HumanArtDataset', pipeline=pipeline)


def _missing_file(dataset: Mapping) -> str | None:
    """Name a missing annotation file of a dataset, or of one that it is made of."""
    for part in dataset.get('datasets', []):
        missing = _missing_file(part)
        if missing is not None:
            return missing
    if not dataset.get('ann_file'):
        return None
    path = os.path.join(dataset.get('data_root') or '', dataset['ann_file'])
    return None if os.path.isfile(path) else path
