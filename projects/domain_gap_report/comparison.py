"""Compare the runs: scores by scenario, group and domain, and gains by image."""

from collections.abc import Sequence
from typing import NamedTuple

from projects.domain_gap_report.annotations import check_agreement
from projects.domain_gap_report.runs import Run
from projects.domain_gap_report.tables import Row, Table, points
from vlpose_mm.evaluation.functional.scenario_groups import PHOTOS, group_images


class Change(NamedTuple):
    """Mean OKS of an image, in [0, 1], with the first model and with another one."""

    img_id: int
    scenario: str
    before: float
    after: float

    @property
    def gain(self) -> float:
        return self.after - self.before


class Comparison:
    """Scores of several runs on the same images; the first is the baseline.

    A run has a score for a subset of the images if it was tested on all of them.

    Raises:
        ValueError: If their annotation files disagree, or a run has no complete scenario
            in common with the first.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        self.runs = list(runs)
        self.names = [run.name for run in runs]
        for i, run in enumerate(runs):
            for other in runs[:i]:
                if other.coco_gt is not run.coco_gt:
                    check_agreement(other.coco_gt, run.coco_gt)
        records = {img_id: rec for run in runs for img_id, rec in run.coco_gt.imgs.items()}
        self.scenarios, self.groups, self.domains = group_images(records.values())
        self._img_ids = [set(run.coco_gt.imgs) for run in runs]
        for run, img_ids in zip(runs[1:], self._img_ids[1:], strict=True):
            common = img_ids & self._img_ids[0]
            if not any(common >= set(ids) for ids in self.scenarios.values()):
                raise ValueError(
                    f'{run.name} and {runs[0].name} share no scenario all of whose '
                    f'images both were tested on ({len(common)} images in common); '
                    'compare results on the same annotation file.'
                )

    @property
    def human_art(self) -> list[int]:
        """Image ids of Human-Art: art, and its photos."""
        return [i for group, ids in self.groups.items() if group != PHOTOS for i in ids]

    def row(self, name: str, img_ids: Sequence[int], score: str = 'AP') -> Row:
        """Return the scores of all models on some images, in points."""
        values, instances = [], 0
        for run, tested in zip(self.runs, self._img_ids, strict=True):
            if not img_ids or not tested.issuperset(img_ids):
                values.append(None)
                continue
            scores = run.evaluation.scores(img_ids)
            values.append(points(getattr(scores, score)))
            instances = scores.instances
        return Row(name, values, instances)

    def scenario_rows(self) -> list[tuple[str, list[Row]]]:
        """Return the AP of every scenario, by group."""
        rows = []
        for group, members in self.groups.items():
            scenarios = [s for s, ids in self.scenarios.items() if ids[0] in set(members)]
            scenario_rows = [self.row(spaced(s), self.scenarios[s]) for s in scenarios]
            rows.append((spaced(group), scenario_rows))
        return rows

    def summary(self) -> Table:
        """Return the AP of groups, domains and all images, their mean and the gap."""
        everything = [img_id for ids in self.scenarios.values() for img_id in ids]
        domains = [self.row(domain, ids) for domain, ids in self.domains.items()]
        rows = [self.row(spaced(group), ids) for group, ids in self.groups.items()]
        rows += [domain for domain in domains if domain.instances]
        if all(domain.instances for domain in domains):
            pairs = zip(*(domain.values for domain in domains), strict=True)
            gaps = [None if None in pair else pair[0] - pair[1] for pair in pairs]
            rows += [Row('gap', gaps, more_is_better=False)]
        means = [
            points(run.evaluation.mean_scores(self.scenarios).AP)
            if tested.issuperset(everything)
            else None
            for run, tested in zip(self.runs, self._img_ids, strict=True)
        ]
        rows += [Row('mean of scenarios', means), self.row('all', everything)]
        return Table('AP, in points', self.names, rows)

    def details(self) -> list[Table]:
        """Return AP, AP50, AP75 and AR of each domain that has scores."""
        tables = []
        for domain, ids in self.domains.items():
            rows = [
                self.row(score, ids, score)._replace(instances=None)
                for score in ('AP', 'AP50', 'AP75', 'AR')
            ]
            if any(value is not None for row in rows for value in row.values):
                title = f'{domain.title()} images, in points'
                tables.append(Table(title, self.names, rows))
        return tables

    def notes(self) -> list[str]:
        """Return a note for each run that was not tested on all images."""
        notes = []
        for name, tested in zip(self.names, self._img_ids, strict=True):
            missing = []
            for scenario, ids in self.scenarios.items():
                if not tested.issuperset(ids):
                    partly = '' if tested.isdisjoint(ids) else ' (only on some)'
                    missing.append(spaced(scenario) + partly)
            if missing:
                notes.append(
                    f'{name} was not tested on all images of {", ".join(missing)}; it has '
                    'no score where they are included.'
                )
        return notes

    def changes(self, run: Run) -> list[Change]:
        """Compare a run with the first on each image with instances, largest gain first."""
        before, after = self.runs[0].evaluation.image_oks(), run.evaluation.image_oks()
        changes = [
            Change(img_id, scenario, before[img_id], after[img_id])
            for scenario, ids in self.scenarios.items()
            for img_id in ids
            if img_id in before and img_id in after
        ]
        return sorted(changes, key=lambda change: -change.gain)


def spaced(name: str) -> str:
    """Write a name such as ``'oil_painting'`` with spaces."""
    return name.replace('_', ' ')
