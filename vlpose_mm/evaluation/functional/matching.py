"""COCO's matching of what was found with the truth, no more of it than is asked for."""

import copy
from contextlib import redirect_stdout

import numpy as np
from xtcocotools.coco import COCO
from xtcocotools.cocoeval import COCOeval, Params


def match(
    truth: COCO, found: COCO, sigmas: np.ndarray, iou_type: str, use_area: bool
) -> COCOeval:
    """Match what was found with people of all sizes.

    COCO's own summary alone asks for medium and large people as well, and matching takes
    as long for each; see :func:`with_sizes`.

    Args:
        truth (COCO): The annotations.
        found (COCO): What was found.
        sigmas (np.ndarray): Of the keypoints, K.
        iou_type (str): ``'keypoints'`` or ``'keypoints_crowd'``.
        use_area (bool): Whether people are as large as their ``area`` says; else as their
            box does.

    Returns:
        COCOeval: After ``evaluate``, with the first of COCO's ranges of area.
    """
    matched = COCOeval(truth, found, iou_type, np.array(sigmas), use_area)
    matched.params.areaRng = matched.params.areaRng[:1]
    with redirect_stdout(None):
        matched.evaluate()
    return matched


def with_sizes(matched: COCOeval) -> COCOeval:
    """Add the matches of medium and of large people.

    Args:
        matched (COCOeval): See :func:`match`; it is not changed.

    Returns:
        COCOeval: With all of COCO's ranges of area, as its own ``evaluate`` leaves it.
    """
    whole = copy.copy(matched)
    whole.params = params = copy.copy(matched.params)
    params.areaRng = Params(params.iouType).areaRng
    whole._paramsEval = params
    whole.evalImgs = []  # by category, area and image
    count = len(params.imgIds)
    for i, category in enumerate(params.catIds):
        whole.evalImgs += matched.evalImgs[i * count : (i + 1) * count]
        whole.evalImgs += [
            whole.evaluateImg(img_id, category, area, params.maxDets[-1])
            for area in params.areaRng[1:]
            for img_id in params.imgIds
        ]
    return whole
