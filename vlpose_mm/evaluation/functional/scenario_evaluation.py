"""Match what was found with the truth once, and score any part of it."""

import copy
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from typing import NamedTuple

import numpy as np
from xtcocotools.coco import COCO

from vlpose_mm.evaluation.functional.keypoint_oks import oks_of_people
from vlpose_mm.evaluation.functional.matching import match, with_sizes
from vlpose_mm.evaluation.functional.scenario_groups import (
    ALL,
    GAP,
    MEANS,
    SIDES,
    sort_images,
)

IOU_TYPES = ('keypoints', 'keypoints_crowd')


class Scores(NamedTuple):
    """COCO's scores of some images.

    Attributes:
        AP (float): Average precision over OKS thresholds 0.50 to 0.95, in [0, 1]; -1, as
            all scores are, where there are no people.
        AP50 (float): The same at 0.50.
        AP75 (float): The same at 0.75.
        AR (float): Average recall over the thresholds.
        people (int): Number of people who count: labeled, and no crowds.
    """

    AP: float
    AP50: float
    AP75: float
    AR: float
    people: int


class ScenarioEvaluation:
    """One matching pass over what was found, and scores of any part of it.

    A part is a name or a list of image ids. The names are ``'all'``, ``'natural'``,
    ``'artificial'``, and those of :attr:`scenarios` and :attr:`groups`. Scores of a part
    are what :class:`mmpose.evaluation.CocoMetric` gives for an annotation file of these
    images alone.

    Args:
        truth (COCO): The annotations; image records say the scenario.
        found (list[dict] | COCO): COCO-format results, or what ``truth.loadRes`` made of
            them.
        sigmas (np.ndarray): Of the keypoints, K.
        iou_type (str): ``'keypoints'`` or ``'keypoints_crowd'``, as of ``CocoMetric``.
        use_area (bool): Whether people are as large as their ``area`` says; else as their
            box does.

    Raises:
        ValueError: If the type is another one, or an image's ``category`` is no name for
            a scenario.
    """

    def __init__(
        self,
        truth: COCO,
        found: list[dict] | COCO,
        sigmas: np.ndarray,
        iou_type: str = 'keypoints',
        use_area: bool = True,
    ) -> None:
        if iou_type not in IOU_TYPES:
            raise ValueError(f'iou_type is one of {IOU_TYPES}, got {iou_type!r}.')
        self.truth = truth
        self._parts = sort_images(truth.imgs.values())
        with redirect_stdout(None):
            if isinstance(found, list):
                # Loading writes into the records.
                found = truth.loadRes([dict(record) for record in found])
            self.found = found
        self._matched = match(truth, found, sigmas, iou_type, use_area)
        self._place = {img_id: i for i, img_id in enumerate(self._matched.params.imgIds)}
        self._accumulated: dict[tuple[int, ...], dict] = {}
        self._person_oks: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def scenarios(self) -> dict[str, list[int]]:
        """Scenario -> image ids; see :class:`Parts`."""
        return self._parts.scenarios

    @property
    def groups(self) -> dict[str, list[int]]:
        """Group -> image ids; see :class:`Parts`."""
        return self._parts.groups

    @property
    def sides(self) -> dict[str, list[int]]:
        """``'natural'`` and ``'artificial'``, those with images -> image ids."""
        return {side: ids for side, ids in self._parts.sides.items() if ids}

    def images(self, part: str | Iterable[int]) -> list[int]:
        """List the images of a part.

        Args:
            part (str | Iterable[int]): Name or image ids.

        Returns:
            list[int]: Image ids in ascending order, each once.

        Raises:
            ValueError: If there is no such part or image.
        """
        named = {ALL: list(self._place), **self._parts.sides, **self.groups}
        named |= self.scenarios
        if isinstance(part, str):
            if part not in named:
                raise ValueError(f'There is no part {part!r}; there are {list(named)}.')
            part = named[part]
        part = sorted(set(part))
        unknown = [img_id for img_id in part if img_id not in self._place]
        if unknown:
            raise ValueError(
                f'{len(unknown)} images, such as {unknown[0]}, are not among the '
                'annotated ones.'
            )
        return part

    def scores(self, part: str | Iterable[int] = ALL) -> Scores:
        """Score a part.

        Args:
            part (str | Iterable[int]): Name or image ids.

        Returns:
            Scores: Its scores.

        Raises:
            ValueError: If there is no such part.
        """
        found = self._accumulate(part)
        precision, recall = found['precision'], found['recall']
        at = {t: precision[self._threshold(t)] for t in (0.5, 0.75)}
        values = [_mean(x) for x in (precision, at[0.5], at[0.75], recall)]
        return Scores(*values, found['people'])

    def precision_recall(
        self, part: str | Iterable[int], oks: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw a precision-recall curve.

        Args:
            part (str | Iterable[int]): Name or image ids.
            oks (float): A threshold, 0.50, 0.55 and so on to 0.95.

        Returns:
            tuple[np.ndarray, np.ndarray]: Recall, 0 to 1 in steps of 0.01, and precision
            in [0, 1], or -1 where there are no people; 101 each.

        Raises:
            ValueError: If there is no such part or threshold.
        """
        precision = self._accumulate(part)['precision'][self._threshold(oks)]
        means = [_mean(of_categories) for of_categories in precision]
        return self._matched.params.recThrs.copy(), np.array(means)

    def oks(self) -> dict[int, float]:
        """Tell how well the people of each image were found.

        Returns:
            dict[int, float]: By image with people, their mean OKS with whatever was found
            there that is most like them, in [0, 1].
        """
        by_image: dict[int, list[float]] = {}
        for (img_id, cat_id), oks in self._matched.ious.items():
            for j, person in enumerate(self._matched._gts[img_id, cat_id]):
                if not person['ignore']:
                    best = float(oks[:, j].max()) if len(oks) else 0.0
                    by_image.setdefault(img_id, []).append(best)
        return {img_id: float(np.mean(oks)) for img_id, oks in by_image.items()}

    def keypoint_oks(self, part: str | Iterable[int] = ALL) -> np.ndarray:
        """Average the OKS of each keypoint over people; see :func:`oks_of_people`.

        Args:
            part (str | Iterable[int]): Name or image ids.

        Returns:
            np.ndarray: K, in [0, 1]; NaN where nobody has that keypoint labeled.

        Raises:
            ValueError: If there is no such part.
        """
        if self._person_oks is None:
            self._person_oks = oks_of_people(self._matched)
        img_ids, oks = self._person_oks  # P and P, K
        oks = oks[np.isin(img_ids, self.images(part))]
        labeled = ~np.isnan(oks)
        count = labeled.sum(axis=0)
        total = np.where(labeled, oks, 0).sum(axis=0)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)

    def metrics(self) -> dict[str, float]:
        """List the scores of all named parts that have images.

        Returns:
            dict[str, float]: ``'PART/SCORE'`` -> score, such as ``'oil_painting/AP'`` or
            ``'natural/people'``; ``'scenario_mean/SCORE'`` and ``'group_mean/SCORE'``; and
            ``'gap/AP'``, where there are people on both sides. Of all images only
            ``'people'``, for :class:`mmpose.evaluation.CocoMetric` names the rest.
        """
        values: dict[str, float] = {'people': self.scores(ALL).people}
        for name in (*self.scenarios, *self.groups, *self.sides):
            for key, value in self.scores(name)._asdict().items():
                values[f'{name}/{key}'] = value
        for mean, names in zip(MEANS, (self.scenarios, self.groups), strict=True):
            for key, value in self.mean_scores(names)._asdict().items():
                if key != 'people':
                    values[f'{mean}/{key}'] = value
        gap = self.gap()
        return values if gap is None else values | {f'{GAP}/AP': gap}

    def mean_scores(self, parts: Iterable[str]) -> Scores:
        """Average scores so that each part counts the same.

        Args:
            parts (Iterable[str]): Their names.

        Returns:
            Scores: Means over the parts that have people, -1 if none has; and the people
            of all.
        """
        rows = [row for row in map(self.scores, parts) if row.people]
        if not rows:
            return Scores(-1.0, -1.0, -1.0, -1.0, 0)
        *means, _ = np.mean(rows, axis=0).tolist()
        return Scores(*means, sum(row.people for row in rows))

    def gap(self) -> float | None:
        """Tell how much better photos do than art.

        Returns:
            float, optional: Natural minus artificial AP, in [-1, 1], if there are people on
            both sides.
        """
        natural, artificial = map(self.scores, SIDES)
        if not natural.people or not artificial.people:
            return None
        return natural.AP - artificial.AP

    def summarize(self) -> Sequence[float]:
        """Print COCO's summary of all images.

        Returns:
            Sequence[float]: Its numbers, see :class:`COCOeval`.
        """
        # That of CrowdPose matches some images again and forgets the others.
        whole = with_sizes(self._matched)
        whole.accumulate()
        whole.summarize()
        return whole.stats

    def _threshold(self, oks: float) -> int:
        """Index of an OKS threshold."""
        thresholds = self._matched.params.iouThrs
        (index,) = np.nonzero(np.isclose(thresholds, oks))
        if len(index) != 1:
            raise ValueError(f'oks is one of {thresholds.round(2).tolist()}, got {oks}.')
        return int(index[0])

    def _accumulate(self, part: str | Iterable[int]) -> dict:
        """Let COCO's code make curves of the matches of a part."""
        img_ids = tuple(self.images(part))
        if img_ids not in self._accumulated:
            whole = self._matched
            some = copy.copy(whole)
            some.params = copy.copy(whole.params)
            some.params.imgIds = list(img_ids)
            some._paramsEval = some.params
            some.evalImgs = [
                whole.evalImgs[category * len(self._place) + self._place[img_id]]
                for category in range(len(whole.params.catIds))
                for img_id in img_ids
            ]
            with redirect_stdout(None):
                some.accumulate()
            ignored = [match['gtIgnore'] for match in some.evalImgs if match]
            self._accumulated[img_ids] = dict(
                precision=some.eval['precision'][..., 0, 0],  # T, R, categories
                recall=some.eval['recall'][..., 0, 0],  # T, categories
                people=int(np.sum(np.concatenate([[], *ignored]) == 0)),
            )
        return self._accumulated[img_ids]


def _mean(values: np.ndarray) -> float:
    """Average as COCO does: what has no people is -1 and does not count."""
    known = values[values > -1]
    return float(known.mean()) if known.size else -1.0
