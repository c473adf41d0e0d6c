"""Read annotation files and result files in COCO format, and check them."""

import json
import math
from collections.abc import Container, Iterable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
from mmpose.datasets.datasets import CocoDataset
from xtcocotools.coco import COCO

from vlpose_mm.evaluation.functional.scenario_evaluation import ScenarioEvaluation

ANNOTATED = dict(
    images=('id',),
    annotations=('id', 'image_id', 'category_id', 'keypoints', 'bbox', 'area'),
    categories=('id',),
)
# Numbers of an annotation; how many keypoints there are is up to the reader.
SIZES = dict(keypoints=None, bbox=4)
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
        ValueError: If it holds something else, or annotations of images or categories
            that it does not have.
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
        if not all(_is_id(value) for value in ids):
            raise ValueError(
                f'{path} has {key} whose id is neither a whole number nor text.'
            )
        if len(set(ids)) < len(ids):
            raise ValueError(f'{path} has two {key} with the same id; give each its own.')
    for image in content['images']:
        if not isinstance(image.get('file_name') or '', str):
            raise ValueError(f'{path}: the file_name of image {image["id"]} must be text.')
    people = content['annotations']
    for key, part in (('image_id', 'images'), ('category_id', 'categories')):
        known = {record['id'] for record in content[part]}
        _check_known(people, key, known, f'{path} contradicts itself', f'its {part}')
    for person in people:
        broken = [key for key, size in SIZES.items() if not _is_numbers(person[key], size)]
        broken += [] if _is_numbers([person['area']], 1) else ['area']
        if broken:
            raise ValueError(
                f'{path}: annotation {person["id"]}, on image {person["image_id"]}, '
                f'has a broken {broken[0]}; keypoints must be a list of finite numbers, '
                'bbox one of four, and area a number.'
            )
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
        of_others = f'{path} belongs to other annotations'
        _check_known(records, key, known, of_others, 'the annotated ones')
    _check_size(records, num_keypoints, str(path))
    for i, record in enumerate(records):
        where = f'{path}: record {i}, on image {record["image_id"]},'
        if not _is_numbers([record['score']], 1) or not _is_numbers(record['keypoints']):
            raise ValueError(
                f'{where} has a score or keypoints that are no finite numbers.'
            )
        if record.get('bbox') is not None and not _is_numbers(record['bbox'], 4):
            raise ValueError(f'{where} has a bbox that is no list of four finite numbers.')
    # COCO takes all records for the kind that the first one is of.
    boxed = all(record.get('bbox') is not None for record in records)
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


def _is_id(value: Any) -> bool:
    """Whether something can be an id; ``True`` would pass for 1."""
    return type(value) in (int, str)


def _check_known(
    records: Iterable[dict], key: str, known: Container, fault: str, place: str
) -> None:
    """Check that ids which records refer to are among the known ones."""
    values = [record[key] for record in records]
    ids = dict.fromkeys(filter(_is_id, values))
    strange = dict.fromkeys(json.dumps(v) for v in values if not _is_id(v))
    unknown = [*strange, *(json.dumps(v) for v in ids if v not in known)]
    if unknown:
        count = len(strange) + len(ids)
        raise ValueError(
            f'{fault}: {len(unknown)} of its {count} values of {key}, such as '
            f'{unknown[0]}, are not among {place}.'
        )


def _is_numbers(values: Any, size: int | None = None) -> bool:
    """Whether something is a flat list of finite numbers, so many if a size is given."""
    if not isinstance(values, list) or size not in (None, len(values)):
        return False
    # Neither true and false, nor not a number, nor what no float holds.
    try:
        return {*map(type, values)} <= {int, float} and all(map(math.isfinite, values))
    except OverflowError:
        return False


def _check_size(records: Iterable[dict], num_keypoints: int, name: str) -> None:
    """Check that people have x, y and a third number for each keypoint."""
    for record in records:
        keypoints = record['keypoints']
        if not isinstance(keypoints, list) or len(keypoints) != 3 * num_keypoints:
            size = len(keypoints) if isinstance(keypoints, list) else 0
            raise ValueError(
                f'{name} must have {num_keypoints} keypoints of three numbers each, '
                f'{3 * num_keypoints} in all; a person on image {record["image_id"]} '
                f'has {size} numbers.'
            )
