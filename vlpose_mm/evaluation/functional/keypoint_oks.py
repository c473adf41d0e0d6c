"""OKS of single keypoints."""

import numpy as np
from xtcocotools.cocoeval import COCOeval


def keypoint_oks(matched: COCOeval) -> tuple[np.ndarray, np.ndarray]:
    """Compute the OKS of each keypoint of each annotated instance.

    An instance is compared with the result on its image that has the highest OKS with it.

    Args:
        matched (COCOeval): After ``evaluate``.

    Returns:
        tuple[np.ndarray, np.ndarray]: Image ids of the N instances that count, N, and
        their keypoint OKS, N x K, in [0, 1]; 0 where the image has no results, and NaN
        where the keypoint is not labeled.
    """
    instances, nearest = [], []
    for (img_id, cat_id), oks in matched.ious.items():
        # The order of the rows of COCO's OKS.
        results = sorted(matched._dts[img_id, cat_id], key=lambda r: -r['score'])
        for j, instance in enumerate(matched._gts[img_id, cat_id]):
            if not instance['ignore']:
                instances.append(instance)
                nearest.append(results[oks[:, j].argmax()] if len(oks) else None)
    size = (len(instances), len(matched.sigmas), 3)
    gt = np.reshape([instance['keypoints'] for instance in instances], size)
    missing = [np.inf] * (3 * len(matched.sigmas))
    pred = np.reshape([r['keypoints'] if r else missing for r in nearest], size)
    if matched.use_area:
        areas = np.array([instance['area'] for instance in instances])
    else:  # as COCO
        areas = np.array([0.53 * i['bbox'][2] * i['bbox'][3] for i in instances])
    offset = pred[..., :2] - gt[..., :2]  # N, K, 2
    variance = (2 * matched.sigmas) ** 2
    scale = 2 * variance * (areas[:, None] + np.spacing(1))  # N, K
    oks = np.exp(-(offset**2).sum(-1) / scale)
    img_ids = np.array([instance['image_id'] for instance in instances])
    return img_ids, np.where(gt[..., 2] > 0, oks, np.nan)
