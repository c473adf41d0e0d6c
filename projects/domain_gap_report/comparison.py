"""Runs compared: which images all of them have, scores, gains, changed images."""

from collections.abc import Sequence
from typing import NamedTuple

from projects.domain_gap_report.annotations import check_same
from projects.domain_gap_report.runs import Run
from projects.domain_gap_report.tables import Row, Table, points
from vlpose_mm.evaluation.functional.scenario_groups import PHOTOS, group_images


class Change(NamedTuple):
    """An image on which a model does better or worse than the first one.

    Attributes:
        img_id (int): The image.
        scenario (str): Its scenario.
        before (float): Mean OKS of its people by the first model, in [0, 1].
        after (float): The same by the other model.
    """

    img_id: int
    scenario: str
    before: float
    after: float

    @property
    def gain(self) -> float:
        """What the other model gains, in [-1, 1]."""
        return self.after - self.before


class Comparison:
    """Scores of several runs on the same images.

    A run has a score for a kind of images if it was tested on all of them that any run
    was tested on.

    Args:
        runs (Sequence[Run]): The runs; the others are compared with the first.

    Raises:
        ValueError: If their annotation files disagree, or a run shares no whole scenario
            with the first.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        self.runs = list(runs)
        self.names = [run.name for run in runs]
        for i, run in enumerate(runs):
            for other in runs[:i]:
                if other.truth is not run.truth:
                    check_same(other.truth, run.truth)
        records = {img_id: image for r in runs for img_id, image in r.truth.imgs.items()}
        self.scenarios, self.groups, self.sides = group_images(records.values())
        self._have = [set(run.truth.imgs) for run in runs]
        for run, have in zip(runs[1:], self._have[1:], strict=True):
            common = have & self._have[0]
            if not any(common >= set(ids) for ids in self.scenarios.values()):
                raise ValueError(
                    f'{run.name} and {runs[0].name} share no scenario all of whose '
                    f'images both were tested on ({len(common)} images in common); '
                    'compare results on the same annotation file.'
                )

    @property
    def human_art(self) -> list[int]:
        """Image ids of all that Human-Art has: art, and photos of its own."""
        return [i for g, ids in self.groups.items() if g != PHOTOS for i in ids]

    def row(self, name: str, images: Sequence[int], score: str = 'AP') -> Row:
        """Score some images.

        Args:
            name (str): What to call them.
            images (Sequence[int]): Image ids.
            score (str): Which score, such as ``'AR'``.

        Returns:
            Row: Points by model.
        """
        values, people = [], 0
        for run, have in zip(self.runs, self._have, strict=True):
            if not images or not have.issuperset(images):
                values.append(None)
                continue
            scores = run.evaluation.scores(images)
            values.append(points(getattr(scores, score)))
            people = scores.instances
        return Row(name, values, people)

    def scenario_rows(self) -> list[tuple[str, list[Row]]]:
        """Score every scenario.

        Returns:
            list[tuple[str, list[Row]]]: Groups, each with a row for each of its scenarios.
        """
        groups = {group: set(members) for group, members in self.groups.items()}
        return [
            (
                spaced(group),
                [
                    self.row(spaced(name), ids)
                    for name, ids in self.scenarios.items()
                    if ids[0] in members
                ],
            )
            for group, members in groups.items()
        ]

    def summary(self) -> Table:
        """Score groups, sides, and everything.

        Returns:
            Table: AP, means and the gap.
        """
        everything = [img_id for ids in self.scenarios.values() for img_id in ids]
        sides = [self.row(side, ids) for side, ids in self.sides.items()]
        gaps = [
            None if None in pair else pair[0] - pair[1]
            for pair in zip(*(side.values for side in sides), strict=True)
        ]
        means = [
            points(run.evaluation.mean_scores(self.scenarios).AP)
            if have.issuperset(everything)
            else None
            for run, have in zip(self.runs, self._have, strict=True)
        ]
        rows = [self.row(spaced(group), ids) for group, ids in self.groups.items()]
        rows += [side for side in sides if side.people]
        if all(side.people for side in sides):
            rows += [Row('gap', gaps, judged=False)]
        rows += [Row('mean of scenarios', means), self.row('all', everything)]
        return Table('AP, in points', self.names, rows)

    def details(self) -> list[Table]:
        """Score the sides in other ways.

        Returns:
            list[Table]: AP at two thresholds and AR, for each side that has people.
        """
        tables = []
        for side, images in self.sides.items():
            rows = [
                self.row(score, images, score)._replace(people=None)
                for score in ('AP', 'AP50', 'AP75', 'AR')
            ]
            if any(v is not None for row in rows for v in row.values):
                tables += [Table(f'{side.title()} images, in points', self.names, rows)]
        return tables

    def notes(self) -> list[str]:
        """Say which numbers are missing.

        Returns:
            list[str]: A text prompt for each run that was not tested on everything.
        """
        notes = []
        for name, have in zip(self.names, self._have, strict=True):
            lacks = [s for s, ids in self.scenarios.items() if not have.issuperset(ids)]
            part = [s for s in lacks if not have.isdisjoint(self.scenarios[s])]
            if lacks:
                text = f'{name} was not tested on all images of '
                text += ', '.join(
                    spaced(s) + (' (only on some)' if s in part else '') for s in lacks
                )
                notes += [f'{text}: it has no number for what they are part of.']
        return notes

    def changes(self, run: Run) -> list[Change]:
        """Compare a run with the first one, image by image.

        Args:
            run (Run): The run.

        Returns:
            list[Change]: The images with people that both were tested on, the greatest
            gain first.
        """
        before, after = self.runs[0].evaluation.image_oks(), run.evaluation.image_oks()
        found = [
            Change(img_id, name, before[img_id], after[img_id])
            for name, ids in self.scenarios.items()
            for img_id in ids
            if img_id in before and img_id in after
        ]
        return sorted(found, key=lambda change: -change.gain)


def spaced(name: str) -> str:
    """Write the name of a scenario or a group for people.

    Args:
        name (str): Such as ``'oil_painting'``.

    Returns:
        str: Such as ``'oil painting'``.
    """
    return name.replace('_', ' ')
