"""Decide which route each sample takes: the original weights or the tuned ones."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Mapping, Sequence

from mmengine.logging import print_log
from mmpose.structures import PoseDataSample
from torch import Tensor

from vlpose_mm.datasets.scenarios import GROUPS, SCENARIOS, scenario_name
from vlpose_mm.models.classifiers.scenario_classifier import (
    Decision,
    ScenarioClassifier,
    bbox_scores_of,
)
from vlpose_mm.names import ROUTES

DEFAULT_ROUTES = dict(
    # By annotation: where the text prompt is from.
    text_prompt='tuned',
    scenario='tuned',
    none='original',
    # By classifier, for images without any of these.
    natural='original',
    artificial='tuned',
)

# The image of samples with neither path nor id.
NO_IMAGE = (None, None)


class Router:
    """Chooses the route of each sample by a table.

    By annotation, the first that applies counts: the ``route`` of the sample; the row of
    its scenario, then of its group; then, by the source of its text prompt
    (``text_source``, see :class:`AssignTextPrompt`), the row ``'text_prompt'``,
    ``'scenario'`` or ``'none'``. With a classifier, samples of the last kind are classified
    instead, and the rows ``'natural'`` and ``'artificial'`` count.

    Args:
        routes (Mapping[str, str], optional): Route, ``'tuned'`` or ``'original'``, by the
            name of a row of :data:`DEFAULT_ROUTES`, of a scenario or of a group. Added to
            :data:`DEFAULT_ROUTES`.
        classifier (ScenarioClassifier, optional): Decides on images without annotation.

    Raises:
        ValueError: If a name is not a string or a route is unknown.
    """

    def __init__(
        self,
        routes: Mapping[str, str] | None = None,
        classifier: ScenarioClassifier | None = None,
    ) -> None:
        if routes is not None and not isinstance(routes, Mapping):
            raise ValueError(
                f"routes must be a table such as {{'none': 'tuned'}}, got {routes!r}."
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
                _warn_if_misspelled(name)
            self.table[name] = route
        #: Decisions by image, shared by batches; ``None``: only within a batch.
        self.decisions: dict[tuple, Decision] | None = None

    def by_annotation(self, sample: PoseDataSample | None) -> str | None:
        """Return a sample's route by annotation; ``None``: the classifier decides.

        Raises:
            ValueError: If the sample's own route is unknown, or it has a scenario and no
                ``text_source``.
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

    def by_classifier(
        self, log_probs: Tensor, samples: Sequence[PoseDataSample]
    ) -> list[tuple[str, Decision]]:
        """Return the route and the decision for each of B samples.

        Samples of one image share a decision, which those in a batch make together; with
        :attr:`decisions`, those in later batches follow the first. Samples of a batch
        without image count as one image, which is never cached.

        Args:
            log_probs (Tensor): The classifier's output, B x S.
            samples (Sequence[PoseDataSample]): The samples.
        """
        routes = [None] * len(samples)
        for image, rows in group_by_image(samples).items():
            decision = (self.decisions or {}).get(image)
            if decision is None:
                scores = bbox_scores_of([samples[row] for row in rows])  # N
                decision = self.classifier.decide(log_probs[rows], scores)
                if self.decisions is not None and image != NO_IMAGE:
                    self.decisions[image] = decision
            route = self.table['natural' if decision.natural else 'artificial']
            for row in rows:
                routes[row] = route, decision
        return routes


def image_of(sample: PoseDataSample) -> tuple:
    """Return path and id of a sample's image; :data:`NO_IMAGE` if it has neither."""
    return sample.metainfo.get('img_path'), sample.metainfo.get('img_id')


def group_by_image(samples: Sequence[PoseDataSample]) -> dict[tuple, list[int]]:
    """Return the indices of the samples on each image, see :func:`image_of`."""
    groups: dict[tuple, list[int]] = {}
    for row, sample in enumerate(samples):
        groups.setdefault(image_of(sample), []).append(row)
    return groups


def _warn_if_misspelled(name: str) -> None:
    """Warn of a name that is almost, but not quite, a known one."""
    known = [*DEFAULT_ROUTES, *GROUPS, *SCENARIOS]
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
    if close and name not in known:
        print_log(
            f'routes: {name!r} is taken for a scenario of your own; {close[0]!r} is known.',
            logger='current',
            level=logging.WARNING,
        )
