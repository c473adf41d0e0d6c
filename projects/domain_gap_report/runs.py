"""Runs: what models found, and the annotation files that it is compared with."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from mmpose.datasets.datasets import CocoDataset
from xtcocotools.coco import COCO

from projects.domain_gap_report.annotations import joined
from projects.domain_gap_report.tested_configs import Tested, read_tested
from vlpose_mm.evaluation.functional.coco_files import (
    read_annotations,
    read_json,
    read_results,
)
from vlpose_mm.evaluation.functional.scenario_evaluation import ScenarioEvaluation

RESULTS = '*.keypoints.json'


class Run(NamedTuple):
    """What a model found.

    Attributes:
        name (str): What to call the model.
        result_files (list[Path]): Where it stands.
        evaluation (ScenarioEvaluation): Its scores.
    """

    name: str
    result_files: list[Path]
    evaluation: ScenarioEvaluation

    @property
    def truth(self) -> COCO:
        """What it is compared with."""
        return self.evaluation.coco_gt

    def found(self, img_id: int) -> list[dict]:
        """List what was found on an image, the surest first."""
        found = self.evaluation.coco_dt.imgToAnns.get(img_id, [])
        return sorted(found, key=lambda record: -record['score'])


def split_spec(spec: str) -> tuple[str | None, Path]:
    """Take an argument ``[NAME=]PATH`` apart.

    Args:
        spec (str): The argument.

    Returns:
        tuple[str | None, Path]: The name, if it has one, and the path.
    """
    name, is_named, path = spec.partition('=')
    if not is_named or Path(spec).exists():
        return None, Path(spec)
    return name.strip() or None, Path(path)


def result_files(path: Path) -> list[Path]:
    """List the result files of a run.

    Args:
        path (Path): Result file, or folder with some.

    Returns:
        list[Path]: The files.

    Raises:
        OSError: If there are none.
    """
    if not path.is_dir():
        if not path.is_file():
            raise FileNotFoundError(f'There is no file or folder {path}.')
        return [path]
    files = sorted(path.glob(RESULTS))
    if not files:
        raise FileNotFoundError(
            f'{path} has no results ({RESULTS}); test with --cfg-options '
            f'test_evaluator.outfile_prefix={path / "NAME"} to have them written.'
        )
    return files


def image_ids(path: Path) -> set[int]:
    """List the images of a result file.

    Args:
        path (Path): The file.

    Returns:
        set[int]: Their ids.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is no list of results.
    """
    records = read_json(path)
    try:
        return {record['image_id'] for record in records}
    except (TypeError, KeyError) as error:
        raise ValueError(
            f'{path} has no results in COCO format: a list of records with image_id.'
        ) from error


class RunReader:
    """Reads runs, and each annotation file once.

    Args:
        ann_files (Sequence[Path]): What results are compared with; by default what the
            configs say that lie beside them.
    """

    def __init__(self, ann_files: Sequence[Path] = ()) -> None:
        self.given = [Tested(path, None) for path in ann_files]
        # Where configs say that images lie.
        self.image_roots: list[Path] = []
        self._truths: dict[Path, COCO] = {}
        self._joined: dict[tuple[Path, ...], COCO] = {}
        self._sigmas = np.array(CocoDataset(lazy_init=True).metainfo['sigmas'])

    @property
    def ann_files(self) -> list[Path]:
        """The annotation files that were read."""
        return list(self._truths)

    def read(self, specs: Sequence[str]) -> list[Run]:
        """Read runs.

        Args:
            specs (Sequence[str]): ``[NAME=]PATH`` each, a result file or a folder with
                some. Those of the same given name are one run.

        Returns:
            list[Run]: The runs in the given order.

        Raises:
            OSError: If a file is missing.
            ValueError: If a file is of another kind, nobody knows what to compare it with,
                or two runs have the same name.
        """
        files: dict[str, list[Path]] = {}
        given = set()
        for spec in specs:
            own, path = split_spec(spec)
            name = own or path.resolve().name.removesuffix('.json')
            name = name if own else name.removesuffix('.keypoints')
            if name in files and not (own and name in given):
                raise ValueError(
                    f'Two runs are called {name}; give them names of their own, NAME=PATH.'
                )
            given |= {own}
            files.setdefault(name, []).extend(result_files(path))
        return [self._run(name, paths) for name, paths in files.items()]

    def _run(self, name: str, paths: list[Path]) -> Run:
        """Read the result files of a run and score them together."""
        found: list[dict] = []
        ann_files: set[Path] = set()
        seen: dict[int, Path] = {}
        for path in paths:
            img_ids = image_ids(path)
            twice = img_ids & seen.keys()
            if twice:
                raise ValueError(
                    f'{seen[min(twice)]} and {path} both have results on {len(twice)} '
                    'images; make them two runs, NAME=FILE each.'
                )
            seen |= dict.fromkeys(img_ids, path)
            ann_file = self._ann_file(path, img_ids)
            ann_files.add(ann_file)
            found += read_results(path, self._truths[ann_file], len(self._sigmas))
        # Runs on the same files share what those hold.
        key = tuple(sorted(ann_files))
        if key not in self._joined:
            self._joined[key] = joined([self._truths[path] for path in key])
        return Run(name, paths, ScenarioEvaluation(self._joined[key], found, self._sigmas))

    def _ann_file(self, result_file: Path, img_ids: set[int]) -> Path:
        """Choose the smallest annotation file that has all images of a result file."""
        tested = self.given or read_tested(result_file.parent)
        named = list(dict.fromkeys(t.ann_file for t in tested))
        # A config may name files that this result file has nothing to do with.
        there = named if self.given else [path for path in named if path.is_file()]
        for path in there:
            if path not in self._truths:
                self._truths[path] = read_annotations(path)
        having = [path for path in there if img_ids <= self._truths[path].imgs.keys()]
        if not having:
            raise ValueError(self._nothing(result_file, img_ids, named, there))
        self.image_roots += [t.image_root for t in tested if t.image_root]
        return min(having, key=lambda path: len(self._truths[path].imgs))

    def _nothing(
        self, result_file: Path, img_ids: set[int], named: list[Path], there: list[Path]
    ) -> str:
        """Explain that there is nothing to compare a result file with."""
        remedy = 'name its annotation file with --ann.'
        if not named:
            return (
                f'Beside {result_file} lies no config that says what it is compared with; '
                f'{remedy}'
            )
        if not there:
            gone = ', '.join(map(str, named))
            return (
                f'{result_file} is compared with {gone}, which is not there; go where it '
                f'was tested, or {remedy}'
            )
        unknown = img_ids - {i for path in there for i in self._truths[path].imgs}
        # Unless each is in one of them, and no one has all.
        some = sorted(unknown or img_ids, key=str)
        return (
            f'{result_file} belongs to none of {", ".join(map(str, there))}: {len(some)} '
            f'of its {len(img_ids)} images, such as {some[0]}, are not in any one of '
            f'them; {remedy}'
        )
