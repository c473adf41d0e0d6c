"""``xtcocotools.cocoeval`` on top of pycocotools.

pycocotools computes OKS and IoU, matches, accumulates and summarizes. It sees a copy of
each annotation and result, with the keypoints, the score and the area that count.
"""

import copy
import io
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import redirect_stdout
from itertools import pairwise, product

import numpy as np
from pycocotools import cocoeval

from vlpose_mm.compat.xtcocotools.coco import COCO

_PARTS = ('foot', 'face', 'lefthand', 'righthand')
_CROWD = 'keypoints_crowd'
# By crowd index.
_LEVELS = ('easy', 'medium', 'hard')
_LIMITS = (-np.inf, 0.2, 0.8, np.inf)


def _known(iou_type: str) -> str:
    """Return the type that pycocotools knows: it has one for all keypoints."""
    return 'keypoints' if 'keypoints' in iou_type else iou_type


class Params(cocoeval.Params):
    """Parameters of an evaluation, by default those of its type."""

    def __init__(self, iouType: str = 'segm') -> None:
        super().__init__(_known(iouType))
        self.iouType = iouType


class COCOeval(cocoeval.COCOeval):
    """Evaluate results with annotations.

    Args:
        cocoGt (COCO, optional): The annotations.
        cocoDt (COCO, optional): The results.
        iouType (str): ``'keypoints'``; ``'keypoints_crowd'``, which also scores by crowd
            index; ``'keypoints_wholebody'`` or a part, ``'keypoints_body'``, ``_foot``,
            ``_face``, ``_lefthand`` or ``_righthand``; ``'bbox'`` or ``'segm'``.
        sigmas (np.ndarray, optional): Keypoint sigmas, K; by default those of COCO.
        use_area (bool): Whether to normalize by ``area``, else by the bbox.
    """

    def __init__(
        self,
        cocoGt: COCO | None = None,
        cocoDt: COCO | None = None,
        iouType: str = 'keypoints',
        sigmas: np.ndarray | None = None,
        use_area: bool = True,
    ) -> None:
        super().__init__(cocoGt, cocoDt, _known(iouType))
        self.params.iouType = iouType
        self.sigmas = Params('keypoints').kpt_oks_sigmas if sigmas is None else sigmas
        self.use_area = use_area
        self.score_key = 'score'

    def evaluate(self) -> None:
        """Match the results of each image with its instances."""
        start, p = time.time(), self.params
        print('Running per image evaluation...')
        print(f'Evaluate annotation type *{p.iouType}*')
        p.imgIds, p.maxDets = list(np.unique(p.imgIds)), sorted(p.maxDets)
        if p.useCats:
            p.catIds = list(np.unique(p.catIds))
        self._prepare()
        categories = p.catIds if p.useCats else [-1]
        compute = self.computeOks if 'keypoints' in p.iouType else self.computeIoU
        self.ious = {pair: compute(*pair) for pair in product(p.imgIds, categories)}
        self.evalImgs = [
            self.evaluateImg(img_id, category, area, p.maxDets[-1])
            for category, area, img_id in product(categories, p.areaRng, p.imgIds)
        ]
        self._paramsEval = copy.deepcopy(p)
        print(f'DONE (t={time.time() - start:0.2f}s).')

    def _prepare(self) -> None:
        p = self.params
        p.kpt_oks_sigmas = self.sigmas
        part = p.iouType.partition('_')[2]
        self.score_key = f'{part}_score' if part in (*_PARTS, 'wholebody') else 'score'
        self._gts, self._dts = defaultdict(list), defaultdict(list)
        for gt, num_labeled in self._copies(self.cocoGt):
            if p.iouType == _CROWD:
                # CrowdPose does not count occluded keypoints.
                num_labeled = gt['num_keypoints']
            gt['ignore'] = gt.get('iscrowd', False) or num_labeled == 0
            # OKS by area needs the area.
            if not self.use_area or ('area' not in gt and 'keypoints' not in p.iouType):
                gt['area'] = gt['bbox'][2] * gt['bbox'][3] * 0.53
            self._gts[gt['image_id'], gt['category_id']].append(gt)
        for dt, num_labeled in self._copies(self.cocoDt):
            if self.score_key in dt:
                dt['score'] = dt[self.score_key]
            if num_labeled != 0:
                self._dts[dt['image_id'], dt['category_id']].append(dt)

    def _copies(self, coco: COCO) -> Iterator[tuple[dict, int | None]]:
        """Copy what counts of each record, and count its labeled keypoints."""
        p = self.params
        part = p.iouType.partition('_')[2]
        fields = [f'{name}_kpts' for name in _PARTS if part in (name, 'wholebody')]
        fields = fields if part in _PARTS else ['keypoints', *fields]
        categories = p.catIds if p.useCats else []
        for record in coco.loadAnns(coco.getAnnIds(p.imgIds, categories)):
            # To pycocotools an id of 0 means no match.
            copied, num_labeled = dict(record, id=int(record['id']) + 1), None
            if 'keypoints' in p.iouType:
                keypoints = np.concatenate([record[field] for field in fields])
                copied['keypoints'] = keypoints
                num_labeled = np.count_nonzero(keypoints[2::3] > 0)
            elif p.iouType == 'segm':
                copied['segmentation'] = coco.annToRLE(record)
            yield copied, num_labeled

    def evaluateImg(
        self, imgId: int, catId: int, aRng: list[float], maxDet: int
    ) -> dict | None:
        """Match the results of an image with its instances in a range of areas.

        Returns:
            dict | None: As of pycocotools, where -1 means no match; ``None`` if there is
            nothing to match.
        """
        result = super().evaluateImg(imgId, catId, aRng, maxDet)
        for key in ('dtIds', 'gtIds') if result else ():
            result[key] = [id - 1 for id in result[key]]
        for key in ('dtMatches', 'gtMatches') if result else ():
            result[key] = result[key].astype(np.int64) - 1
        return result

    def accumulate(self, p: Params | None = None) -> None:
        """Compute precision and recall of all images."""
        results = self.evalImgs
        self.evalImgs = [r and dict(r, dtMatches=r['dtMatches'] >= 0) for r in results]
        try:
            super().accumulate(p)
        finally:
            self.evalImgs = results

    def summarize(self) -> None:
        """Print the scores and keep them as ``stats``."""
        p, iou_type = self.params, self.params.iouType
        p.iouType = _known(iou_type)
        try:
            with redirect_stdout(io.StringIO()) as output:
                super().summarize()
        finally:
            p.iouType = iou_type
        # With room for a sign.
        lines = re.sub(r'\] = (?=\d)', '] =  ', output.getvalue()).splitlines()
        if iou_type == _CROWD:
            rows = [0, 1, 2, 5, 6, 7]  # not those by area
            by_level = list(self._by_crowd_index())
            self.stats = np.array([*self.stats[rows], *by_level])
            lines = [lines[row] for row in rows]
            start = lines[0].partition('area')[0]
            for level, ap in zip(_LEVELS, by_level, strict=True):
                lines.append(f'{start}type={level:>6} | maxDets= 20 ] = {ap:0.3f}')
        print('\n'.join(lines))

    def _by_crowd_index(self) -> Iterator[float]:
        images = self.cocoGt.dataset['images']
        for low, high in pairwise(_LIMITS):
            self.params.imgIds = [i['id'] for i in images if low <= i['crowdIndex'] < high]
            with redirect_stdout(None):
                self.evaluate()
                self.accumulate()
            yield round(np.mean(self.eval['precision'][:, :, :, 0, :]), 4)
