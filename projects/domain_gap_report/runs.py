"""Read the runs: result files, and the annotation files they are evaluated on."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from mmpose.datasets.datasets import CocoDataset
from xtcocotools.coco import COCO

from projects.domain_gap_report.annotations import join_annotations
from projects.domain_gap_report.dumped_configs import DataSource, read_data_sources
from vlpose_mm.evaluation.functional.coco_files import (
    read_annotations,
    read_json,
    read_results,
)
from vlpose_mm.evaluation.functional.scenario_evaluation import ScenarioEvaluation

RESULT_PATTERN = '*.keypoints.json'


class Run(NamedTuple):
    """The results of a model, and their evaluation."""

    name: str
    result_files: list[Path]
    evaluation: ScenarioEvaluation

    @property
    def coco_gt(self) -> COCO:
        """The annotations."""
        return self.evaluation.coco_gt

    def results(self, img_id: int) -> list[dict]:
        """Return the results on an image, highest score first."""
        results = self.evaluation.coco_dt.imgToAnns.get(img_id, [])
        return sorted(results, key=lambda result: -result['score'])


def split_argument(argument: str) -> tuple[str | None, Path]:
    """Split ``[NAME=]PATH`` into the name, if there is one, and the path."""
    name, is_named, path = argument.partition('=')
    if not is_named or Path(argument).exists():
        return None, Path(argument)
    return name.strip() or None, Path(path)


def find_result_files(path: Path) -> list[Path]:
    """List the result files of a folder, or return a file as it is."""
    if not path.is_dir():
        if not path.is_file():
            raise FileNotFoundError(f'There is no file or folder {path}.')
        return [path]
    files = sorted(path.glob(RESULT_PATTERN))
    if not files:
        raise FileNotFoundError(
            f'{path} has no results ({RESULT_PATTERN}); test with --cfg-options '
            f'test_evaluator.outfile_prefix={path / "NAME"} to write them.'
        )
    return files


def read_image_ids(result_file: Path) -> set[int]:
    """Return the image ids of a result file."""
    try:
        return {record['image_id'] for record in read_json(result_file)}
    except (TypeError, KeyError) as error:
        raise ValueError(
            f'{result_file} has no results in COCO format: a list of records with image_id.'
        ) from error


class RunReader:
    """Read runs, and each annotation file once.

    Args:
        ann_files (Sequence[Path]): Annotation files; by default those of the configs
            beside the result files.
    """

    def __init__(self, ann_files: Sequence[Path] = ()) -> None:
        self.explicit = [DataSource(path, None) for path in ann_files]
        self.image_roots: list[Path] = []
        self._cocos: dict[Path, COCO] = {}
        self._joined: dict[tuple[Path, ...], COCO] = {}
        self._sigmas = np.array(CocoDataset(lazy_init=True).metainfo['sigmas'])

    @property
    def ann_files(self) -> list[Path]:
        """The annotation files that were read."""
        return list(self._cocos)

    def read(self, arguments: Sequence[str]) -> list[Run]:
        """Read runs in order, ``[NAME=]PATH`` each: a result file or a folder with some.

        Those with the same explicit name are one run.

        Raises:
            OSError: If a file is missing.
            ValueError: If a file is broken, its annotations are unknown, or two runs have
                the same name.
        """
        files: dict[str, list[Path]] = {}
        explicit = set()
        for argument in arguments:
            own_name, path = split_argument(argument)
            name = path.resolve().name.removesuffix('.json').removesuffix('.keypoints')
            name = own_name or name
            if name in files and not (own_name and name in explicit):
                raise ValueError(f'Two runs are called {name}; name them with NAME=PATH.')
            explicit.add(own_name)
            files.setdefault(name, []).extend(find_result_files(path))
        return [self._read_run(name, paths) for name, paths in files.items()]

    def _read_run(self, name: str, paths: list[Path]) -> Run:
        """Read the result files of a run and evaluate them together."""
        results: list[dict] = []
        ann_files: set[Path] = set()
        file_of: dict[int, Path] = {}
        for path in paths:
            img_ids = read_image_ids(path)
            common = img_ids & file_of.keys()
            if common:
                raise ValueError(
                    f'{file_of[min(common)]} and {path} both have results on {len(common)} '
                    'images; make them two runs, NAME=FILE each.'
                )
            file_of |= dict.fromkeys(img_ids, path)
            ann_file = self._find_ann_file(path, img_ids)
            ann_files.add(ann_file)
            results += read_results(path, self._cocos[ann_file], len(self._sigmas))
        key = tuple(sorted(ann_files))
        if key not in self._joined:
            self._joined[key] = join_annotations([self._cocos[path] for path in key])
        evaluation = ScenarioEvaluation(self._joined[key], results, self._sigmas)
        return Run(name, paths, evaluation)

    def _find_ann_file(self, result_file: Path, img_ids: set[int]) -> Path:
        """Choose the smallest annotation file that has all images of a result file."""
        tested = self.explicit or read_data_sources(result_file.parent)
        named = list(dict.fromkeys(t.ann_file for t in tested))
        # Configs may also name files of other results.
        existing = named if self.explicit else [path for path in named if path.is_file()]
        for path in existing:
            if path not in self._cocos:
                self._cocos[path] = read_annotations(path)
        complete = [p for p in existing if img_ids <= self._cocos[p].imgs.keys()]
        if complete:
            self.image_roots += [t.image_root for t in tested if t.image_root]
            return min(complete, key=lambda path: len(self._cocos[path].imgs))
        remedy = 'name its annotation file with --ann.'
        if not named:
            raise ValueError(
                f'There is no config beside {result_file} that names its annotations; '
                f'{remedy}'
            )
        if not existing:
            raise ValueError(
                f'{result_file} was evaluated on {", ".join(map(str, named))}, which does '
                f'not exist; change to the folder it was tested in, or {remedy}'
            )
        unknown = img_ids - {i for path in existing for i in self._cocos[path].imgs}
        # If none is unknown, no single file has them all.
        missing = sorted(unknown or img_ids, key=str)
        raise ValueError(
            f'{result_file} belongs to none of {", ".join(map(str, existing))}: '
            f'{len(missing)} of its {len(img_ids)} images, such as {missing[0]}, are not '
            f'in any one of them; {remedy}'
        )
