"""Which weights an image is for: the original ones or the tuned ones."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from mmengine.logging import print_log
from mmpose.structures import PoseDataSample
from torch import Tensor

from vlpose_mm.datasets.scenarios import GROUPS, SCENARIOS, scenario_name
from vlpose_mm.models.classifiers.scenario_classifier import (
    Decision,
    ScenarioClassifier,
    box_scores,
)

# What a model runs on; 'auto' chooses one of the others for each sample.
ROUTES = ('tuned', 'original', 'auto')

DEFAULT_ROUTES = dict(
    # What the image is told.
    text_prompt='tuned',
    scenario='tuned',
    none='original',
    # What a classifier makes of an image that is told nothing.
    natural='original',
    artificial='tuned',
)


# What samples are on that tell neither path nor id.
NO_IMAGE = (None, None)


class Group(NamedTuple):
    """Samples of a batch that go the same way.

    Attributes:
        route (str): ``'original'`` or ``'tuned'``.
        rows (list[int]): Where in the batch they are.
        feats (list[tuple[Tensor, ...]]): What the head reads of each view.
    """

    route: str
    rows: list[int]
    feats: list[tuple[Tensor, ...]]


class Router:
    """Chooses the route of each sample by a small table.

    The first that applies counts: the ``route`` that a sample brings; the table's row for
    its scenario, then for its group; then, by where its prompt is from (``text_source``,
    see :class:`AssignTextPrompt`), the row ``'text_prompt'``, ``'scenario'`` or ``'none'``.
    With a classifier, samples of the last kind are classified, and the rows
    ``'natural'`` and ``'artificial'`` count.

    Args:
        routes (Mapping[str, str], optional): ``'text_prompt'``, ``'scenario'``, ``'none'``,
            ``'natural'``, ``'artificial'``, or the name of a scenario or group ->
            ``'tuned'`` or ``'original'``. Added to :data:`DEFAULT_ROUTES`.
        classifier (ScenarioClassifier, optional): Looks at what is told nothing.

    Raises:
        ValueError: If a name is no text or a route is unknown.
    """

    def __init__(
        self,
        routes: Mapping[str, str] | None = None,
        classifier: ScenarioClassifier | None = None,
    ) -> None:
        if routes is not None and not isinstance(routes, Mapping):
            raise ValueError(
                f"routes must be a table such as {{'none': 'tuned'}}: {routes!r}"
            )
        self.classifier = classifier
        self.table = dict(DEFAULT_ROUTES)
        for name, route in (routes or {}).items():
            if not isinstance(name, str):
                raise ValueError(f'routes: {name!r} must be a name.')
            if route not in ROUTES[:2]:
                raise ValueError(
                    f'routes: {name!r} has the route {route!r}; choose one of {ROUTES[:2]}.'
                )
            if name not in self.table and name not in GROUPS:
                name = scenario_name(name)
                _warn_of_likeness(name, [*DEFAULT_ROUTES, *GROUPS, *SCENARIOS])
            self.table[name] = route
        #: Decisions by image, while they are cached.
        self.decisions: dict[tuple, Decision] | None = None

    def route_of(self, sample: PoseDataSample | None) -> str | None:
        """Choose the route of a sample.

        Args:
            sample (PoseDataSample, optional): The sample.

        Returns:
            str | None: ``'tuned'`` or ``'original'``; ``None`` if it is to be classified.

        Raises:
            ValueError: If the sample's own route is unknown, or it does not tell where
                its prompt is from.
        """
        info = {} if sample is None else sample.metainfo
        route = info.get('route')
        if route is not None:
            if route not in ROUTES[:2]:
                raise ValueError(
                    f'The route of {info.get("img_path")} is {route!r}; choose one of '
                    f'{ROUTES[:2]}.'
                )
            return route
        for name in (info.get('scenario'), info.get('group')):
            if name in self.table and name not in DEFAULT_ROUTES:
                return self.table[name]
        source = info.get('text_source')
        if source is None:
            if 'scenario' in info:
                raise ValueError(
                    "A sample has a scenario and no text_source; add 'text_source' to the "
                    'meta_keys of PackPoseInputs, as pack_with_text has it.'
                )
            source = 'none' if info.get('text_prompt') is None else 'text_prompt'
        if source == 'none' and self.classifier is not None and sample is not None:
            return None
        return self.table[source]

    def tuned_rows(self, samples: Sequence[PoseDataSample]) -> list[int]:
        """Choose the samples for the tuned route by the table alone.

        Args:
            samples (Sequence[PoseDataSample]): The samples of a batch.

        Returns:
            list[int]: Where in the batch they are.
        """
        routes = [self.route_of(sample) or self.table['none'] for sample in samples]
        return [row for row, route in enumerate(routes) if route == 'tuned']

    def remember(self, on: bool) -> None:
        """Let people of one image in several batches share a decision, or stop.

        Args:
            on (bool): Whether images, known by path and id, are cached from now on.
        """
        self.decisions = {} if on else None

    def split(
        self,
        route: str,
        views: list[Tensor],
        samples: Sequence[PoseDataSample | None],
        ways: Mapping[str, Callable],
    ) -> list[Group]:
        """Send the samples of a batch their way.

        Args:
            route (str): One of :data:`ROUTES`.
            views (list[Tensor]): Views of the images, B x 3 x H x W each.
            samples (Sequence[PoseDataSample | None]): The samples.
            ways (Mapping[str, Callable]): ``'original'`` and ``'tuned'``: from views and
                samples to the features of each view.

        Returns:
            list[Group]: A group for each route that is taken; every sample is in one.

        Raises:
            ValueError: If there are no images, or not as many samples.
        """
        if not len(samples) == len(views[0]) > 0:
            raise ValueError(
                f'There are {len(views[0])} images and {len(samples)} samples; give as '
                'many, at least one.'
            )
        routes = [route] * len(samples)
        if route == 'auto':
            routes = [self.route_of(sample) for sample in samples]
        groups = []
        rows = [row for row, way in enumerate(routes) if way != 'tuned']
        if rows:
            feats = ways['original'](*_part(views, samples, rows))
            unknown = [i for i, row in enumerate(rows) if routes[row] is None]
            if unknown:
                open_rows = [rows[i] for i in unknown]
                feature_map = pick(feats[0][0], unknown)  # B, C, h, w
                decided = self._decide(feature_map, [samples[row] for row in open_rows])
                for row, way in zip(open_rows, decided, strict=True):
                    routes[row] = way
            kept = [i for i, row in enumerate(rows) if routes[row] == 'original']
            if kept:
                feats = [tuple(pick(feat, kept) for feat in view) for view in feats]
                groups.append(Group('original', [rows[i] for i in kept], feats))
        rows = [row for row, way in enumerate(routes) if way == 'tuned']
        if rows:
            groups.append(Group('tuned', rows, ways['tuned'](*_part(views, samples, rows))))
        return groups

    def _decide(self, feature_map: Tensor, samples: Sequence[PoseDataSample]) -> list[str]:
        """Classify samples by E of the original route; write what came out into them.

        People of one image share a decision: those in a batch decide together, and while
        decisions are cached, those in later batches follow. All people of a batch who
        do not tell their image are taken to be on the same, which nobody can remember.
        """
        log_probs = self.classifier(feature_map)  # B, S
        routes = [''] * len(samples)
        for image, rows in by_image(samples).items():
            decision = (self.decisions or {}).get(image)
            if decision is None:
                scores = box_scores([samples[row] for row in rows])  # N
                decision = self.classifier.decide(log_probs[rows], scores)
                if self.decisions is not None and image != NO_IMAGE:
                    self.decisions[image] = decision
            route = self.table['natural' if decision.natural else 'artificial']
            for row in rows:
                routes[row] = route
                samples[row].set_metainfo(
                    dict(
                        pred_scenario=decision.scenario_class.scenario,
                        pred_scenario_prob=decision.scenario_prob,
                        pred_artificial_prob=decision.artificial_prob,
                    )
                )
                if route == 'tuned':
                    prompt = decision.scenario_class.prompt
                    samples[row].set_metainfo(dict(text_prompt=prompt))
        return routes


def image_of(sample: PoseDataSample) -> tuple:
    """Tell which image a sample is on.

    Args:
        sample (PoseDataSample): The sample.

    Returns:
        tuple: Path and id of the image; :data:`NO_IMAGE` where it tells neither.
    """
    return sample.metainfo.get('img_path'), sample.metainfo.get('img_id')


def by_image(samples: Sequence[PoseDataSample]) -> dict[tuple, list[int]]:
    """Find out who is on the same image.

    Args:
        samples (Sequence[PoseDataSample]): The samples of a batch.

    Returns:
        dict[tuple, list[int]]: Where in the batch the people of each image are, see
        :func:`image_of`.
    """
    people: dict[tuple, list[int]] = {}
    for row, sample in enumerate(samples):
        people.setdefault(image_of(sample), []).append(row)
    return people


def pick(tensor: Tensor, rows: list[int]) -> Tensor:
    """Take rows out of a batch.

    Args:
        tensor (Tensor): B x ...
        rows (list[int]): Which, in order.

    Returns:
        Tensor: These rows; where they are all, the tensor itself.
    """
    return tensor if len(rows) == len(tensor) else tensor[rows]


def _part(
    views: list[Tensor], samples: Sequence[PoseDataSample | None], rows: list[int]
) -> tuple[list[Tensor], list[PoseDataSample | None]]:
    """Take rows out of views and samples."""
    return [pick(view, rows) for view in views], [samples[row] for row in rows]


def _warn_of_likeness(name: str, known: list[str]) -> None:
    """Warn of a name that is almost, but not quite, a known one."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
    if close and name not in known:
        print_log(
            f'routes: {name!r} is taken for a scenario of your own; {close[0]!r} is known.',
            logger='current',
            level=logging.WARNING,
        )
