"""The OKS of single keypoints."""

import numpy as np
from xtcocotools.cocoeval import COCOeval


def oks_of_people(matched: COCOeval) -> tuple[np.ndarray, np.ndarray]:
    """Tell how well each keypoint of each person was found.

    Of a person counts whatever was found in the image that is most like it.

    Args:
        matched (COCOeval): After ``evaluate``.

    Returns:
        tuple[np.ndarray, np.ndarray]: Of the P people who count their image ids, P, and
        their OKS, P x K, in [0, 1]: exp(-d^2 / (2 s^2 (2 sigma)^2)), where d is the
        distance of a keypoint and s^2 the area of the person; 0 where nothing was found,
        and NaN where a keypoint is not labeled.
    """
    people, nearest = [], []
    for (img_id, cat_id), oks in matched.ious.items():
        found = matched._dts[img_id, cat_id]
        # COCO's order of the rows of its OKS.
        found = sorted(found, key=lambda record: -record['score'])
        for j, person in enumerate(matched._gts[img_id, cat_id]):
            if not person['ignore']:
                people.append(person)
                nearest.append(found[oks[:, j].argmax()] if len(oks) else None)
    size = (len(people), len(matched.sigmas), 3)
    truth = np.reshape([person['keypoints'] for person in people], size)
    nowhere = [np.inf] * (3 * len(matched.sigmas))
    points = [nowhere if found is None else found['keypoints'] for found in nearest]
    areas = np.array([_area(person, matched.use_area) for person in people])
    offset = np.reshape(points, size)[..., :2] - truth[..., :2]  # P, K, 2
    variance = (2 * matched.sigmas) ** 2
    scale = 2 * variance * (areas[:, None] + np.spacing(1))  # P, K
    oks = np.exp(-(offset**2).sum(-1) / scale)
    img_ids = np.array([person['image_id'] for person in people])
    return img_ids, np.where(truth[..., 2] > 0, oks, np.nan)


def _area(person: dict, use_area: bool) -> float:
    """Area of a person, as COCO's evaluation takes it."""
    _, _, width, height = person['bbox']
    return person['area'] if use_area else 0.53 * width * height
