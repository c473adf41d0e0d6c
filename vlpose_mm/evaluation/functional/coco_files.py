"""Read and check annotation files and result files in COCO format."""

import json
import math
from collections.abc import Container, Iterable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
from mmpose.datasets.datasets import CocoDataset
from xtcocotools.coco import COCO

from vlpose_mm.evaluation.functional.scenario_evaluation import ScenarioEvaluation

ANNOTATION_FIELDS = dict(
    images=('id',),
    annotations=('id', 'image_id', 'category_id', 'keypoints', 'bbox', 'area'),
    categories=('id',),
)
RESULT_FIELDS = ('image_id', 'category_id', 'keypoints', 'score')


def evaluate_file(
    ann_file: str | Path | COCO, result_file: str | Path, sigmas: np.ndarray | None = None
) -> ScenarioEvaluation:
    """Evaluate the results of any model by scenario.

    Args:
        ann_file (str | Path | COCO): COCO-format annotations.
        result_file (str | Path): COCO-format results.
        sigmas (np.ndarray, optional): Keypoint sigmas, K; by default those of COCO.

    Returns:
        ScenarioEvaluation: The evaluation.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If a file is not in this format, or the two do not belong together.
    """
    if sigmas is None:
        sigmas = np.array(CocoDataset(lazy_init=True).metainfo['sigmas'])
    coco_gt = ann_file if isinstance(ann_file, COCO) else read_annotations(ann_file)
    name = coco_gt.anno_file[0] or 'An annotation'
    _check_num_keypoints(coco_gt.anns.values(), len(sigmas), name)
    results = read_results(result_file, coco_gt, len(sigmas))
    return ScenarioEvaluation(coco_gt, results, sigmas)


def read_annotations(path: str | Path) -> COCO:
    """Read a keypoint annotation file.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is not a consistent file of keypoint annotations.
    """
    content = read_json(path)
    for key, fields in ANNOTATION_FIELDS.items():
        records = content.get(key) if isinstance(content, dict) else None
        if not _are_records(records, fields):
            raise ValueError(
                f'{path} is not a keypoint annotation file: it needs {key} with '
                f'{", ".join(fields)}.'
            )
        ids = [record['id'] for record in records]
        if not all(map(_is_id, ids)):
            raise ValueError(f'{path} has {key} whose id is neither an integer nor text.')
        if len(set(ids)) < len(ids):
            raise ValueError(f'{path} has two {key} with the same id; make ids unique.')
    for image in content['images']:
        if not isinstance(image.get('file_name') or '', str):
            raise ValueError(f'{path}: the file_name of image {image["id"]} must be text.')
    annotations = content['annotations']
    for key, referenced in (('image_id', 'images'), ('category_id', 'categories')):
        known, fault = {r['id'] for r in content[referenced]}, f'{path} contradicts itself'
        _check_known(annotations, key, known, fault, f'its {referenced}')
    for annotation in annotations:
        checks = dict(
            keypoints=_are_numbers(annotation['keypoints']),
            bbox=_are_numbers(annotation['bbox'], 4),
            area=_are_numbers([annotation['area']]),
        )
        if not all(checks.values()):
            broken = next(key for key, valid in checks.items() if not valid)
            raise ValueError(
                f'{path}: annotation {annotation["id"]}, on image '
                f'{annotation["image_id"]}, has a broken {broken}; keypoints must be a '
                'list of finite numbers, bbox four of them, and area a number.'
            )
    with redirect_stdout(None):
        return COCO(str(path), ann_data=content)


def read_results(path: str | Path, coco_gt: COCO, num_keypoints: int) -> list[dict]:
    """Read a result file of the annotated images.

    Returns:
        list[dict]: Records with ``image_id``, ``category_id``, ``keypoints`` and ``score``,
        and ``bbox`` (xywh) if all have one.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it has no results, or they belong to other annotations.
    """
    records = read_json(path)
    if not _are_records(records, RESULT_FIELDS):
        raise ValueError(
            f'{path} has no results in COCO format: a list of records with '
            f'{", ".join(RESULT_FIELDS)}.'
        )
    for key, known in (('image_id', coco_gt.imgs), ('category_id', coco_gt.cats)):
        fault = f'{path} belongs to other annotations'
        _check_known(records, key, known, fault, 'the annotated ones')
    _check_num_keypoints(records, num_keypoints, str(path))
    for i, record in enumerate(records):
        where = f'{path}: record {i}, on image {record["image_id"]},'
        if not _are_numbers([record['score']]) or not _are_numbers(record['keypoints']):
            raise ValueError(f'{where} has a score or keypoints that are not finite.')
        if record.get('bbox') is not None and not _are_numbers(record['bbox'], 4):
            raise ValueError(f'{where} has a bbox that is not four finite numbers.')
    # COCO takes the type of all records from the first one.
    with_bbox = all(record.get('bbox') is not None for record in records)
    fields = (*RESULT_FIELDS, 'bbox') if with_bbox else RESULT_FIELDS
    return [{key: record[key] for key in fields} for record in records]


def read_json(path: str | Path) -> Any:
    """Read a JSON file; raise a ``ValueError`` if it is not JSON."""
    try:
        return json.loads(Path(path).read_text(encoding='utf-8'))
    except ValueError as error:
        raise ValueError(f'{path} is not a JSON file ({error}).') from error


def _are_records(records: Any, fields: Iterable[str]) -> bool:
    """Return whether a value is a non-empty list of dicts with these fields."""
    return (
        isinstance(records, list)
        and bool(records)
        and all(isinstance(r, dict) and r.keys() >= {*fields} for r in records)
    )


def _is_id(value: Any) -> bool:
    return type(value) in (int, str)  # not bool: True would pass for 1


def _are_numbers(values: Any, size: int | None = None) -> bool:
    """Return whether a value is a flat list of finite numbers, of a size if one is set."""
    if not isinstance(values, list) or size not in (None, len(values)):
        return False
    try:
        return {*map(type, values)} <= {int, float} and all(map(math.isfinite, values))
    except OverflowError:  # an integer that no float holds
        return False


def _check_known(
    records: Sequence[dict], key: str, known: Container, fault: str, where: str
) -> None:
    values = [record[key] for record in records]
    ids = dict.fromkeys(filter(_is_id, values))
    invalid = dict.fromkeys(json.dumps(v) for v in values if not _is_id(v))
    unknown = [*invalid, *(json.dumps(v) for v in ids if v not in known)]
    if unknown:
        raise ValueError(
            f'{fault}: {len(unknown)} of its {len(invalid) + len(ids)} values of {key}, '
            f'such as {unknown[0]}, are not among {where}.'
        )


def _check_num_keypoints(records: Iterable[dict], num_keypoints: int, name: str) -> None:
    """Check that records have x, y and a third number for each keypoint."""
    for record in records:
        keypoints = record['keypoints']
        size = len(keypoints) if isinstance(keypoints, list) else 0
        if size != 3 * num_keypoints:
            raise ValueError(
                f'{name} must have {num_keypoints} keypoints of three numbers each, '
                f'{3 * num_keypoints} in all; an instance on image {record["image_id"]} '
                f'has {size} numbers.'
            )
