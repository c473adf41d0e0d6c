"""Score predictions on a set and on each of its subsets."""

import hashlib
from typing import NamedTuple

import numpy as np

from projects.real_images.predictions import Predictions
from projects.real_images.sets import RealSet
from vlpose_mm.evaluation import evaluate_file

# PCK counts keypoints that are nearer than this share of the long side of the bbox.
NEAR = 0.1
# Mean OKS and PCK are of instances with so many keypoints.
MIN_KEYPOINTS = 8


class Scores(NamedTuple):
    """Scores of a subset, in [0, 1].

    An instance is compared with the nearest prediction on its image.
    """

    AP: float
    AR: float
    OKS: float  # Mean of the instances with at least 8 keypoints; NaN without any.
    PCK: float  # Likewise.
    PCK_all: float  # Of all instances.
    instances: int


def score(real_set: RealSet, predictions: Predictions) -> dict:
    """Score the predictions on a set.

    Returns:
        dict: ``model``, ``route``, ``bboxes``, ``set``, ``sha256`` of the predictions,
        ``images``: how many have predictions,
        ``right_domain``: share of the images that took the route for their domain, and
        ``subsets``: name -> :class:`Scores` as a dict.
    """
    evaluation = evaluate_file(real_set.ann_file, predictions.result_file)
    oks = evaluation.instance_oks()
    found = evaluation.coco_dt.imgToAnns
    shares = {
        instance['id']: pck(instance, found[image_id])
        for image_id, instances in real_set.instances.items()
        for instance in instances
    }
    subsets = {}
    for name, image_ids in real_set.subsets().items():
        instances = [each for i in image_ids for each in real_set.instances[i]]
        many = [e['id'] for e in instances if e['num_keypoints'] >= MIN_KEYPOINTS]
        whole = evaluation.scores(image_ids)
        subsets[name] = Scores(
            whole.AP,
            whole.AR,
            _mean([oks[i] for i in many]),
            _mean([shares[i] for i in many]),
            _mean([shares[each['id']] for each in instances]),
            len(instances),
        )._asdict()
    taken = predictions.routes
    right = [
        taken[image['id']] == ('tuned' if image.get('category') else 'original')
        for image in real_set.images
        if image['id'] in taken
    ]
    return dict(
        model=predictions.model,
        route=predictions.route,
        bboxes=predictions.bboxes,
        set=real_set.name,
        sha256=hashlib.sha256(predictions.result_file.read_bytes()).hexdigest(),
        images=len(right),
        right_domain=_mean(right),
        subsets=subsets,
    )


def pck(instance: dict, results: list[dict]) -> float:
    """Return the share of the labeled keypoints that the best of some results is near to.

    Args:
        instance (dict): An annotation in COCO's format.
        results (list[dict]): Results on its image, in COCO's format.
    """
    truth = np.reshape(instance['keypoints'], (-1, 3))
    labeled = truth[:, 2] > 0
    found = np.reshape([each['keypoints'] for each in results], (-1, *truth.shape))
    offsets = found[:, labeled, :2] - truth[labeled, :2]  # N, labeled, 2
    near = np.linalg.norm(offsets, axis=-1) < NEAR * max(instance['bbox'][2:])
    return float(near.mean(axis=1).max(initial=0.0))


def _mean(values: list[float]) -> float | None:
    """Average; ``None`` without values."""
    return float(np.mean(values)) if values else None
