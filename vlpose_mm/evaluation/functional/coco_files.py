"""Read and check annotation files and result files in COCO format."""

from pathlib import Path

import numpy as np
from mmpose.datasets.datasets import CocoDataset

from vlpose_mm.datasets.annotations import (
    KEYPOINTS,
    Annotations,
    are_numbers,
    match_images,
    people_of,
    read_json,
)
from vlpose_mm.evaluation.functional.matching import MAX_RESULTS
from vlpose_mm.evaluation.functional.scenario_evaluation import ScenarioEvaluation

RESULT_FIELDS = ('image_id', 'category_id', 'keypoints', 'score')


def evaluate_file(
    ann_file: str | Path | Annotations,
    result_file: str | Path,
    sigmas: np.ndarray | None = None,
    max_results: int = MAX_RESULTS,
) -> ScenarioEvaluation:
    """Evaluate the results of any model by scenario.

    Args:
        ann_file (str | Path | Annotations): COCO-format annotations.
        result_file (str | Path): COCO-format results.
        sigmas (np.ndarray, optional): Keypoint sigmas, K; by default those of COCO.
        max_results (int): Results of an image that count, by default COCO's 20.

    Returns:
        ScenarioEvaluation: The evaluation.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If a file is not in this format, or the two do not belong together.
    """
    if sigmas is None:
        sigmas = np.array(CocoDataset(lazy_init=True).metainfo['sigmas'])
    coco_gt = ann_file if isinstance(ann_file, Annotations) else read_annotations(ann_file)
    coco_gt.check_num_keypoints(len(sigmas))
    results = read_results(result_file, coco_gt, len(sigmas))
    return ScenarioEvaluation(coco_gt, results, sigmas, max_results=max_results)


def read_annotations(path: str | Path, keypoints_key: str = KEYPOINTS) -> Annotations:
    """Read a keypoint annotation file that results can be scored with.

    Args:
        path (str | Path): COCO-format annotation file.
        keypoints_key (str): See :class:`Annotations`.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is not a consistent file of keypoint annotations.
    """
    coco_gt = Annotations(path, keypoints_key=keypoints_key)
    coco_gt.check_scorable()
    return coco_gt


def read_results(path: str | Path, coco_gt: Annotations, num_keypoints: int) -> list[dict]:
    """Read a result file of the annotated images.

    Returns:
        list[dict]: Records of people with ``image_id``, ``keypoints``, ``score``, the
        ``category_id`` of the annotations, and ``bbox`` (xywh) if all have one.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it has no results, or they belong to other annotations.
    """
    records = read_json(path)
    if not (
        isinstance(records, list)
        and records
        and all(isinstance(r, dict) and r.keys() >= {*RESULT_FIELDS} for r in records)
    ):
        raise ValueError(
            f'{path} has no results in COCO format: a list of records with '
            f'{", ".join(RESULT_FIELDS)}.'
        )
    names = coco_gt.category_names
    people = people_of(records, path, coco_gt.person_id, names)
    if not people:
        raise ValueError(
            f'{path} has no results of people: the category of people is '
            f'{coco_gt.person_id} in {coco_gt.path}.'
        )
    people = match_images(people, path, coco_gt)
    for i, record in enumerate(people):
        where = f'{path}: record {i}, on image {record["image_id"]},'
        keypoints, score = record['keypoints'], record['score']
        size = len(keypoints) if isinstance(keypoints, list) else 0
        if size != 3 * num_keypoints:
            raise ValueError(
                f'{where} has {size} numbers as keypoints; {num_keypoints} keypoints have '
                f'three each, {3 * num_keypoints} in all.'
            )
        if not are_numbers([score]) or not are_numbers(keypoints):
            raise ValueError(f'{where} has a score or keypoints that are not finite.')
        if record.get('bbox') is not None and not are_numbers(record['bbox'], 4):
            raise ValueError(f'{where} has a bbox that is not four finite numbers.')
    # COCO takes the type of all records from the first one.
    with_bbox = all(record.get('bbox') is not None for record in people)
    fields = (*RESULT_FIELDS, 'bbox') if with_bbox else RESULT_FIELDS
    category = dict(category_id=coco_gt.person_id)
    return [{key: record[key] for key in fields} | category for record in people]
