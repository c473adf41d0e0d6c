"""COCO's matching of results and annotations, split by range of areas."""

import copy
from contextlib import redirect_stdout

import numpy as np
from xtcocotools.coco import COCO
from xtcocotools.cocoeval import COCOeval, Params

#: Results of an image that COCO scores, those with the highest scores.
MAX_RESULTS = 20


def match(
    coco_gt: COCO,
    coco_dt: COCO,
    sigmas: np.ndarray,
    iou_type: str,
    use_area: bool,
    max_results: int = MAX_RESULTS,
) -> COCOeval:
    """Match results with instances of all sizes.

    Only COCO's summary also needs medium and large instances; see :func:`match_sizes`.

    Args:
        coco_gt (COCO): The annotations.
        coco_dt (COCO): The results.
        sigmas (np.ndarray): Keypoint sigmas, K.
        iou_type (str): ``'keypoints'`` or ``'keypoints_crowd'``.
        use_area (bool): Whether to normalize by ``area``, else by the bbox.
        max_results (int): Results of an image that count.

    Returns:
        COCOeval: After ``evaluate``, with the first of COCO's area ranges.
    """
    matched = COCOeval(coco_gt, coco_dt, iou_type, np.array(sigmas), use_area)
    matched.params.areaRng = matched.params.areaRng[:1]
    matched.params.maxDets = [max_results]
    with redirect_stdout(None):
        matched.evaluate()
    return matched


def match_sizes(matched: COCOeval) -> COCOeval:
    """Copy the output of :func:`match`, and match medium and large instances as well.

    Returns:
        COCOeval: With all area ranges, as COCO's own ``evaluate`` leaves it.
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
