"""Match results with annotations once, and score any subset of the images."""

import copy
from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from functools import cached_property
from typing import NamedTuple

import numpy as np
from xtcocotools.coco import COCO

from vlpose_mm.datasets.annotations import Id
from vlpose_mm.evaluation.functional.keypoint_oks import keypoint_oks
from vlpose_mm.evaluation.functional.matching import MAX_RESULTS, match, match_sizes
from vlpose_mm.evaluation.functional.scenario_groups import (
    ALL,
    DOMAINS,
    GAP,
    MEANS,
    group_images,
)

IOU_TYPES = ('keypoints', 'keypoints_crowd')


class Scores(NamedTuple):
    """COCO's scores of some images, in [0, 1]; -1 without instances.

    ``instances`` counts those with labels that are not crowds.
    """

    AP: float
    AP50: float
    AP75: float
    AR: float
    instances: int


class ScenarioEvaluation:
    """Evaluate results by scenario, group and domain with a single matching pass.

    A subset is a list of image ids or a name: ``'all'``, ``'natural'``, ``'artificial'``,
    and those of :attr:`scenarios` and :attr:`groups`; an unknown one raises a
    ``ValueError``. Its scores equal those of :class:`mmpose.evaluation.CocoMetric` on an
    annotation file of these images alone.

    Args:
        coco_gt (COCO): The annotations; image records name the scenario.
        coco_dt (list[dict] | COCO): COCO-format results, or the output of
            ``coco_gt.loadRes``.
        sigmas (np.ndarray): Keypoint sigmas, K.
        iou_type (str): ``'keypoints'`` or ``'keypoints_crowd'``, as of ``CocoMetric``.
        use_area (bool): Whether to normalize by ``area``, else by the bbox.
        max_results (int): Results of an image that count, those with the highest scores.

    Attributes:
        num_cut (int): How many results do not count, beyond ``max_results`` of their image.
        scenarios (dict[str, list[int | str]]): Scenario -> image ids.
        groups (dict[str, list[int | str]]): Group -> image ids.
        domains (dict[str, list[int | str]]): ``'natural'`` and ``'artificial'``, those with
            images -> image ids.

    Raises:
        ValueError: If the type is unknown, or an image's ``category`` is not a name for a
            scenario.
    """

    def __init__(
        self,
        coco_gt: COCO,
        coco_dt: list[dict] | COCO,
        sigmas: np.ndarray,
        iou_type: str = 'keypoints',
        use_area: bool = True,
        max_results: int = MAX_RESULTS,
    ) -> None:
        if max_results < 1:
            raise ValueError(f'max_results must be at least 1, got {max_results}.')
        if iou_type not in IOU_TYPES:
            raise ValueError(f'iou_type is one of {IOU_TYPES}, got {iou_type!r}.')
        self.scenarios, self.groups, domains = group_images(coco_gt.imgs.values())
        self.domains = {name: ids for name, ids in domains.items() if ids}
        if isinstance(coco_dt, list):
            with redirect_stdout(None):
                # loadRes writes into the records.
                coco_dt = coco_gt.loadRes([dict(record) for record in coco_dt])
        self.coco_gt, self.coco_dt = coco_gt, coco_dt
        img_ids, self._instance_ids = list(coco_gt.imgs), list(coco_gt.anns)
        if all(type(img_id) is int for img_id in img_ids):
            img_ids.sort()  # as COCO does
        self._index = {img_id: i for i, img_id in enumerate(img_ids)}
        categories = {cat_id: i for i, cat_id in enumerate(coco_gt.cats)}
        gt, dt = (_numbered(c, self._index, categories) for c in (coco_gt, coco_dt))
        self._matched = match(gt, dt, sigmas, iou_type, use_area, max_results)
        self.max_results = max_results
        counts = map(len, coco_dt.imgToAnns.values())
        self.num_cut = sum(max(count - max_results, 0) for count in counts)
        self._subsets = {ALL: img_ids, **domains, **self.groups, **self.scenarios}
        self._accumulated: dict[tuple[int, ...], dict] = {}

    def images(self, subset: str | Iterable[Id]) -> list[Id]:
        """Return the image ids of a subset in ascending order, text as in the file."""
        if isinstance(subset, str):
            if subset not in self._subsets:
                raise ValueError(
                    f'There is no subset {subset!r}; there are {list(self._subsets)}.'
                )
            subset = self._subsets[subset]
        img_ids = set(subset)
        unknown = [img_id for img_id in img_ids if img_id not in self._index]
        if unknown:
            raise ValueError(
                f'{len(unknown)} images, such as {unknown[0]}, are not among the '
                'annotated ones.'
            )
        return sorted(img_ids, key=self._index.__getitem__)

    def scores(self, subset: str | Iterable[Id] = ALL) -> Scores:
        """Score a subset."""
        accumulated = self._accumulate(subset)
        precision, recall = accumulated['precision'], accumulated['recall']
        return Scores(
            AP=_mean(precision),
            AP50=_mean(precision[self._threshold_index(0.5)]),
            AP75=_mean(precision[self._threshold_index(0.75)]),
            AR=_mean(recall),
            instances=accumulated['instances'],
        )

    def mean_scores(self, subsets: Iterable[str]) -> Scores:
        """Average scores over the subsets that have instances, with equal weights.

        Returns:
            Scores: The means, -1 if no subset has instances, and the sum of instances.
        """
        rows = [row for row in map(self.scores, subsets) if row.instances]
        if not rows:
            return Scores(-1.0, -1.0, -1.0, -1.0, 0)
        means = Scores(*np.mean(rows, axis=0).tolist())
        return means._replace(instances=sum(row.instances for row in rows))

    def gap(self) -> float | None:
        """Return natural minus artificial AP, or ``None`` if one has no instances."""
        natural, artificial = map(self.scores, DOMAINS)
        if not natural.instances or not artificial.instances:
            return None
        return natural.AP - artificial.AP

    def metrics(self) -> dict[str, float]:
        """Return the scores of all named subsets that have images.

        Returns:
            dict[str, float]: ``'SUBSET/SCORE'`` -> score, such as ``'oil_painting/AP'`` or
            ``'natural/instances'``; ``'scenario_mean/SCORE'``, ``'group_mean/SCORE'`` and
            ``'gap/AP'``. For all images only ``'instances'``, since ``CocoMetric`` has the
            rest.
        """
        values: dict[str, float] = {'instances': self.scores(ALL).instances}
        for name in (*self.scenarios, *self.groups, *self.domains):
            for key, value in self.scores(name)._asdict().items():
                values[f'{name}/{key}'] = value
        for mean, names in zip(MEANS, (self.scenarios, self.groups), strict=True):
            scores = self.mean_scores(names)._asdict()
            del scores['instances']
            values |= {f'{mean}/{key}': value for key, value in scores.items()}
        gap = self.gap()
        return values if gap is None else values | {f'{GAP}/AP': gap}

    def precision_recall(
        self, subset: str | Iterable[Id], oks: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Compute a precision-recall curve at an OKS of 0.50, 0.55 and so on to 0.95.

        Returns:
            tuple[np.ndarray, np.ndarray]: Recall, 0 to 1 in steps of 0.01, and precision
            in [0, 1], or -1 without instances; 101 each.

        Raises:
            ValueError: If the subset or the threshold does not exist.
        """
        precision = self._accumulate(subset)['precision'][self._threshold_index(oks)]
        return self._matched.params.recThrs.copy(), np.array(list(map(_mean, precision)))

    def instance_oks(self) -> dict[Id, float]:
        """Return the highest OKS of each instance with a result on its image, by the id of
        its annotation, in [0, 1]; 0 where the image has no results."""
        best = {}
        for (img_id, cat_id), oks in self._matched.ious.items():
            for j, instance in enumerate(self._matched._gts[img_id, cat_id]):
                if not instance['ignore']:
                    instance_id = self._instance_ids[instance['id'] - 1]
                    best[instance_id] = float(oks[:, j].max()) if len(oks) else 0.0
        return best

    def image_oks(self) -> dict[Id, float]:
        """Compute the mean OKS of each image with instances, in [0, 1]."""
        by_image: dict[Id, list[float]] = {}
        for instance_id, oks in self.instance_oks().items():
            img_id = self.coco_gt.anns[instance_id]['image_id']
            by_image.setdefault(img_id, []).append(oks)
        return {img_id: float(np.mean(oks)) for img_id, oks in by_image.items()}

    def keypoint_oks(self, subset: str | Iterable[Id] = ALL) -> np.ndarray:
        """Average the OKS of each keypoint over instances; see :func:`keypoint_oks`.

        Returns:
            np.ndarray: K, in [0, 1]; NaN where no instance has the keypoint labeled.
        """
        numbers, oks = self._instance_oks  # N and N, K
        oks = oks[np.isin(numbers, [self._index[i] for i in self.images(subset)])]
        count = (~np.isnan(oks)).sum(axis=0)
        return np.where(count > 0, np.nansum(oks, axis=0) / np.maximum(count, 1), np.nan)

    def summarize(self) -> Sequence[float]:
        """Print COCO's summary of all images and return its numbers."""
        # A copy, since the summary of CrowdPose matches some images again.
        whole = match_sizes(self._matched)
        # xtcocotools would read the images, which are numbered here, from the file.
        whole.anno_file, whole.split = (None, None), self._split_by_crowd_index
        whole.accumulate()
        whole.summarize()
        return whole.stats

    @cached_property
    def _instance_oks(self) -> tuple[np.ndarray, np.ndarray]:
        return keypoint_oks(self._matched)

    def _split_by_crowd_index(
        self, _: object, medium: float, hard: float
    ) -> list[list[int]]:
        images = self._matched.cocoGt.dataset['images']
        levels: list[list[int]] = [[], [], []]
        for image in images:
            index = image['crowdIndex']
            levels[(index >= medium) + (index >= hard)].append(image['id'])
        return levels

    def _threshold_index(self, oks: float) -> int:
        thresholds = self._matched.params.iouThrs
        (index,) = np.nonzero(np.isclose(thresholds, oks))
        if len(index) != 1:
            raise ValueError(f'oks is one of {thresholds.round(2).tolist()}, got {oks}.')
        return int(index[0])

    def _accumulate(self, subset: str | Iterable[Id]) -> dict:
        """Accumulate the matches of a subset with COCO's code."""
        numbers = tuple(self._index[img_id] for img_id in self.images(subset))
        if numbers not in self._accumulated:
            whole = self._matched
            part = copy.copy(whole)
            part.params = part._paramsEval = copy.copy(whole.params)
            part.params.imgIds = list(numbers)
            part.evalImgs = [
                whole.evalImgs[category * len(self._index) + number]
                for category in range(len(whole.params.catIds))
                for number in numbers
            ]
            with redirect_stdout(None):
                part.accumulate()
            ignored = [match['gtIgnore'] for match in part.evalImgs if match]
            self._accumulated[numbers] = dict(
                precision=part.eval['precision'][..., 0, 0],  # T, R, categories
                recall=part.eval['recall'][..., 0, 0],  # T, categories
                instances=int(np.sum(np.concatenate([[], *ignored]) == 0)),
            )
        return self._accumulated[numbers]


def _numbered(coco: COCO, images: Mapping[Id, int], categories: Mapping[Id, int]) -> COCO:
    """Copy records with ids that COCO's code can hold; instances are numbered from 1."""
    content = dict(
        images=[{**coco.imgs[img_id], 'id': number} for img_id, number in images.items()],
        annotations=[
            {
                **record,
                'id': number,
                'image_id': images[record['image_id']],
                'category_id': categories[record['category_id']],
            }
            for number, record in enumerate(coco.anns.values(), 1)
        ],
        categories=[{'id': number} for number in categories.values()],
    )
    with redirect_stdout(None):
        return COCO('numbered', ann_data=content)


def _mean(values: np.ndarray) -> float:
    """Average as COCO does: -1 means no instances and does not count."""
    known = values[values > -1]
    return float(known.mean()) if known.size else -1.0
