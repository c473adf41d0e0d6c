"""Score predictions on the held-out images of all sets."""

from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from projects.real_images.scores import MIN_KEYPOINTS, pck
from projects.real_small.splits import HELD_OUT_STYLES
from vlpose_mm.evaluation import ScenarioEvaluation, evaluate_file

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
    """Return the scores of each part that has images, see :func:`score_images`."""
    evaluation = evaluate_file(ann_file, result_file)
    parts: dict[str, list[int]] = {}
    for image in evaluation.coco_gt.imgs.values():
        parts.setdefault(part_of(image), []).append(image['id'])
    found = {p: score_images(evaluation, parts[p]) for p in PARTS if p in parts}
    return {part: scores for part, scores in found.items() if scores}


def score_images(
    evaluation: ScenarioEvaluation, image_ids: Collection[int]
) -> dict[str, float]:
    """Return ``AP`` and ``PCK`` of some images, in [0, 1]; nothing if none is labeled well.

    PCK is that of :mod:`projects.real_images`.
    """
    truth, found = evaluation.coco_gt.imgToAnns, evaluation.coco_dt.imgToAnns
    shares = [
        pck(instance, found[img_id])
        for img_id in image_ids
        for instance in truth[img_id]
        if instance['num_keypoints'] >= MIN_KEYPOINTS
    ]
    if not shares:
        return {}
    return dict(AP=evaluation.scores(image_ids).AP, PCK=float(np.mean(shares)))
