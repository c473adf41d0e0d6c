"""A small annotation file, and perfect results on it."""

import contextlib
import json
from pathlib import Path

import numpy as np
from mmpose.datasets.datasets import BaseCocoStyleDataset

from vlpose_mm.datasets import HumanArtVLDataset
from vlpose_mm.evaluation import ScenarioCocoMetric

# Instances of each image.
COUNTS = (3, 1)


def clean() -> dict:
    """Two images and four people, who do not overlap."""
    rng = np.random.default_rng(0)
    images, annotations = [], []
    for row, count in enumerate(COUNTS):
        image = dict(id=7 + row, file_name=f'{row}.jpg', width=400, height=100)
        images.append(image | (dict(category='sketch') if row == 0 else {}))
        for i in range(count):
            x = 10 + 120 * i
            points = rng.uniform((x, 10, 2), (x + 80, 90, 2), (17, 3)).round(1)
            annotations.append(
                dict(
                    id=len(annotations) + 1,
                    image_id=image['id'],
                    category_id=1,
                    bbox=[x, 10, 80, 80],
                    area=4000.0,
                    iscrowd=0,
                    keypoints=points.flatten().tolist(),
                    num_keypoints=17,
                )
            )
    categories = [dict(id=1, name='person')]
    return dict(images=images, annotations=annotations, categories=categories)


def samples(dataset: BaseCocoStyleDataset) -> list[dict]:
    """Perfect predictions for the samples of a dataset, as metrics get them."""
    found = []
    for info in map(dataset.get_data_info, range(len(dataset))):
        pred = dict(keypoints=info['keypoints'], keypoint_scores=np.ones((1, 17)))
        size = info['bbox'][:, 2:] - info['bbox'][:, :2]
        gt = dict(bbox_scores=np.ones(1), bbox_scales=size)
        found.append(
            dict(
                id=info['id'],
                img_id=info['img_id'],
                category_id=info['category_id'],
                pred_instances=pred | dict(bboxes=info['bbox']),
                gt_instances=gt,
            )
        )
    return found


def scored(
    ann_file: str, data_samples: list[dict], folder: Path, **cfg
) -> tuple[dict, list[dict]]:
    """Scores of predictions, and the results that are written."""
    prefix = folder / 'metric'
    metric = ScenarioCocoMetric(ann_file, outfile_prefix=str(prefix), **cfg)
    metric.dataset_meta = HumanArtVLDataset(lazy_init=True).metainfo
    metric.process({}, data_samples)
    with contextlib.redirect_stdout(None):
        scores = metric.evaluate(len(data_samples))
    return scores, json.loads(Path(f'{prefix}.keypoints.json').read_text())
