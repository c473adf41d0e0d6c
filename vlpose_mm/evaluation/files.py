"""Read annotation files and result files in COCO format, and check them."""

import json
from collections.abc import Iterable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
from mmpose.datasets.datasets import CocoDataset
from xtcocotools.coco import COCO

from vlpose_mm.evaluation.scenario_evaluation import ScenarioEvaluation

ANNOTATED = dict(
    images=('id',),
    annotations=('id', 'image_id', 'category_id', 'keypoints', 'bbox', 'area'),
    categories=('id',),
)
FOUND = ('image_id', 'category_id', 'keypoints', 'score')


def evaluate_file(
    ann_file: str | Path | COCO, result_file: str | Path, sigmas: np.ndarray | None = None
) -> ScenarioEvaluation:
    """Score the results of any model, scenario by scenario.

    Args:
        ann_file (str | Path | COCO): COCO-format annotations.
        result_file (str | Path): COCO-format results.
        sigmas (np.ndarray, optional): Of the keypoints, K; by default of COCO's 17.

    Returns:
        ScenarioEvaluation: The scores.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If a file is none of its kind, or they do not belong together.
    """
    if sigmas is None:
        sigmas = np.array(CocoDataset(lazy_init=True).metainfo['sigmas'])
    truth = ann_file if isinstance(ann_file, COCO) else read_annotations(ann_file)
    _check_size(truth.anns.values(), len(sigmas), truth.anno_file[0] or 'An annotation')
    return ScenarioEvaluation(truth, read_results(result_file, truth, len(sigmas)), sigmas)


def read_annotations(path: str | Path) -> COCO:
    """Read an annotation file of keypoints.

    Args:
        path (str | Path): The file.

    Returns:
        COCO: What it holds.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it holds something else.
    """
    content = read_json(path)
    for key, fields in ANNOTATED.items():
        records = content.get(key) if isinstance(content, dict) else None
        if not isinstance(records, list) or not records or _lacking(records, fields):
            raise ValueError(
                f'{path} is no annotation file of keypoints: it needs {key} with '
                f'{", ".join(fields)}.'
            )
        ids = [record['id'] for record in records]
        if len(set(ids)) < len(ids):
            raise ValueError(f'{path} has two {key} with the same id; give each its own.')
    with redirect_stdout(None):
        return COCO(str(path), ann_data=content)


def read_results(path: str | Path, truth: COCO, num_keypoints: int) -> list[dict]:
    """Read a result file.

    Args:
        path (str | Path): The file.
        truth (COCO): The annotations that it belongs to.
        num_keypoints (int): Number of keypoints of a person.

    Returns:
        list[dict]: Records with ``image_id``, ``category_id``, ``keypoints`` and ``score``,
        and ``bbox`` if all have one.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it holds something else or nothing, or belongs to other annotations.
    """
    records = read_json(path)
    if not isinstance(records, list) or not records or _lacking(records, FOUND):
        raise ValueError(
            f'{path} holds no results in COCO format: a list of records with '
            f'{", ".join(FOUND)}.'
        )
    for key, known in (('image_id', truth.imgs), ('category_id', truth.cats)):
        given = {json.dumps(record[key]): record[key] for record in records}
        unknown = [text for text, value in given.items() if not _is_known(value, known)]
        if unknown:
            raise ValueError(
                f'{path} belongs to other annotations: {len(unknown)} of its {len(given)} '
                f'values of {key}, such as {unknown[0]}, are not among the annotated ones.'
            )
    _check_size(records, num_keypoints, str(path))
    for i, record in enumerate(records):
        if not _is_finite([record['score']]) or not _is_finite(record['keypoints']):
            raise ValueError(
                f'{path}: record {i}, on picture {record["image_id"]}, has a score or '
                'keypoints that are no finite numbers.'
            )
    # COCO takes all records for the kind that the first one is of.
    boxed = all(_is_finite(record.get('bbox')) for record in records)
    fields = (*FOUND, 'bbox') if boxed else FOUND
    return [{key: record[key] for key in fields} for record in records]


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Args:
        path (str | Path): The file.

    Returns:
        Any: What it holds.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is no JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding='utf-8'))
    except ValueError as error:
        raise ValueError(f'{path} is no JSON file ({error}).') from error


def _lacking(records: list, fields: Iterable[str]) -> bool:
    """Whether something in a list is no record with these fields."""
    return any(not isinstance(r, dict) or any(f not in r for f in fields) for r in records)


def _is_known(value: Any, known: dict) -> bool:
    """Whether an id is one of the known ones."""
    return isinstance(value, int | float | str) and value in known


def _is_finite(values: Any) -> bool:
    """Whether something is a list of finite numbers."""
    try:
        return isinstance(values, list) and bool(np.isfinite(values).all())
    except (TypeError, ValueError):
        return False


def _check_size(records: Iterable[dict], num_keypoints: int, name: str) -> None:
    """Check that people have x, y and a third number for each keypoint."""
    for record in records:
        keypoints = record['keypoints']
        if not isinstance(keypoints, list) or len(keypoints) != 3 * num_keypoints:
            size = len(keypoints) if isinstance(keypoints, list) else 0
            raise ValueError(
                f'{name} must have {num_keypoints} keypoints of three numbers each, '
                f'{3 * num_keypoints} in all; a person on picture {record["image_id"]} '
                f'has {size} numbers.'
            )
