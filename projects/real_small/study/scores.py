"""Score predictions on the held-out images of all sets."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from projects.real_images.scores import MIN_KEYPOINTS, pck
from projects.real_small.splits import HELD_OUT_STYLES
from vlpose_mm.evaluation import evaluate_file

PHOTOS = ('lspet', 'coco_subset')
UNSEEN_STYLE = 'unseen style'
#: What is scored, in the order of the table.
PARTS = (
    *PHOTOS,
    'lspet_painted',
    'coco_painted',
    UNSEEN_STYLE,
    'sketch',
    'depth_render',
    'game_cartoon',
)


def part_of(image: Mapping) -> str:
    """Return which of :data:`PARTS` an image of the test file belongs to."""
    if image.get('style') in HELD_OUT_STYLES:
        return UNSEEN_STYLE
    return image['set'] if image['set'] in PARTS else image['category']


def score(ann_file: Path, result_file: Path) -> dict[str, dict[str, float]]:
    """Return ``AP`` and ``PCK``, in [0, 1], of each part that has images.

    PCK is that of :mod:`projects.real_images`.
    """
    evaluation = evaluate_file(ann_file, result_file)
    parts: dict[str, list[int]] = {}
    for image in evaluation.coco_gt.imgs.values():
        parts.setdefault(part_of(image), []).append(image['id'])
    truth, found = evaluation.coco_gt.imgToAnns, evaluation.coco_dt.imgToAnns
    scores = {}
    for part in PARTS:
        shares = [
            pck(instance, found[img_id])
            for img_id in parts.get(part, ())
            for instance in truth[img_id]
            if instance['num_keypoints'] >= MIN_KEYPOINTS
        ]
        if shares:
            ap = evaluation.scores(parts[part]).AP
            scores[part] = dict(AP=ap, PCK=float(np.mean(shares)))
    return scores
