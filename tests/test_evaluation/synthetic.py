"""A small set with everything that an annotation file can have, and results on it."""

import contextlib
import copy
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from mmpose.datasets.datasets import CocoDataset
from mmpose.registry import METRICS

# By scenario, in the order of the tables: Human-Art's category, number of images.
CATEGORIES = dict(
    cosplay=('cosplay', 2),
    drama=('drama', 5),
    oil_painting=('Oil painting', 5),
    sketch=('sketch', 5),
    relief=('relief', 4),
    pixel_art=('pixel art', 4),
    photos=(None, 5),
)
EMPTY = 'cosplay'  # has no instances
GROUPS = {
    'real_human': ('drama', 'cosplay'),
    '2D_virtual_human': ('sketch', 'oil_painting'),
    '3D_virtual_human': ('relief',),
    'other': ('pixel_art',),
    'photos': ('photos',),
}
DOMAINS = dict(
    natural=('drama', 'cosplay', 'photos'),
    artificial=('sketch', 'oil_painting', 'relief', 'pixel_art'),
)


def metainfo() -> dict:
    return copy.deepcopy(CocoDataset(lazy_init=True).metainfo)


def annotations() -> dict:
    """Content of an annotation file, with shuffled images.

    In every scenario but one, the first image has no instances, the second has a crowd
    among them, and the third an instance without labels.
    """
    rng = np.random.default_rng(0)
    images, instances = [], []
    ids = iter(rng.permutation(1000).tolist())
    for category, count in CATEGORIES.values():
        for i in range(count):
            image = dict(id=next(ids), width=200, height=200, crowdIndex=rng.uniform())
            images.append(image | (dict(category=category) if category else {}))
            for j in range(3) if i and category != EMPTY else ():
                x, y, width, height = rng.uniform((0, 0, 30, 30), (100, 100, 120, 120))
                points = rng.uniform((x, y, 0), (x + width, y + height, 3), (17, 3))
                points[:, 2] = points[:, 2].astype(int)
                points[0, 2] = 2
                points *= (i, j) != (2, 2)  # no labels
                instance = dict(id=len(instances) + 1, image_id=image['id'], category_id=1)
                instances.append(instance)
                instance.update(
                    iscrowd=int((i, j) == (1, 2)),
                    area=0.6 * width * height,
                    bbox=[x, y, width, height],
                    keypoints=points.flatten().tolist(),
                    num_keypoints=int((points[:, 2] > 0).sum()),
                )
    rng.shuffle(images)
    categories = [dict(id=1, name='person')]
    return dict(images=images, annotations=instances, categories=categories)


def images(content: dict, scenarios: Iterable[str]) -> set[int]:
    """Image ids of some scenarios."""
    wanted = {CATEGORIES[name][0] for name in scenarios}
    return {i['id'] for i in content['images'] if i.get('category') in wanted}


def alone(content: dict, img_ids: set[int]) -> dict:
    """The annotations of some images alone."""
    return content | dict(
        images=[i for i in content['images'] if i['id'] in img_ids],
        annotations=[a for a in content['annotations'] if a['image_id'] in img_ids],
    )


def samples(content: dict, detected: bool) -> list[dict]:
    """Data samples with ground-truth bboxes, or with those of a detector.

    The detector finds instances twice, one where there is none, and nothing on the last
    image of every scenario. Many scores are equal.
    """
    rng = np.random.default_rng(1)
    last = {i.get('category'): i['id'] for i in content['images']}.values()
    found = []

    def add(img_id: int, points: np.ndarray, xywh: list[float], score: float) -> None:
        x, y, width, height = xywh
        pred = dict(
            keypoints=points[None], bboxes=np.array([[x, y, x + width, y + height]])
        )
        pred['keypoint_scores'] = rng.uniform(0.1, 1, (1, 17)).round(1)
        gt = dict(bbox_scores=np.array([score]), bbox_scales=np.array([[width, height]]))
        sample = dict(id=len(found), img_id=img_id, pred_instances=pred, gt_instances=gt)
        found.append(sample)

    for instance in content['annotations']:
        img_id, bbox = instance['image_id'], instance['bbox']
        points = np.reshape(instance['keypoints'], (17, 3))[:, :2]
        points = points + rng.normal(0, rng.uniform(1, 8), (17, 2))
        if not detected:
            add(img_id, points, bbox, 1.0)
        elif img_id not in last:
            for near in (points, points + rng.normal(0, 0.3, (17, 2))):
                add(img_id, near, bbox, round(rng.uniform(0.3, 1), 1))
    for image in content['images'] if detected else ():
        if image['id'] not in last:
            points = rng.uniform(0, 200, (17, 2))
            add(image['id'], points, [5.0, 5.0, 150.0, 150.0], 0.4)
    return found


def results(content: dict, detected: bool = True) -> list[dict]:
    """The same in COCO's format."""
    records = []
    for sample in samples(content, detected):
        pred, (score,) = sample['pred_instances'], sample['gt_instances']['bbox_scores']
        points = np.hstack([pred['keypoints'][0], pred['keypoint_scores'].T])
        record = dict(image_id=sample['img_id'], category_id=1, score=float(score))
        records.append(record | dict(keypoints=points.flatten().tolist()))
    return records


def write(content: object, path: Path) -> str:
    path.write_text(json.dumps(content))
    return str(path)


def evaluate(type: str, ann_file: str, data_samples: list[dict], **cfg) -> dict[str, float]:
    """Run a metric."""
    metric = METRICS.build(dict(type=type, ann_file=ann_file, **cfg))
    metric.dataset_meta = metainfo()
    metric.process({}, copy.deepcopy(data_samples))
    with contextlib.redirect_stdout(None):
        return metric.evaluate(len(data_samples))
