"""Describe results as COCO's annotation files do."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from vlpose_mm.checkpoint.io import replace_file
from vlpose_mm.datasets.annotations import Id

# A keypoint with at least this score is flagged as visible (2), else as labeled (1).
VISIBLE = 0.3


def image_record(result: dict, image_id: Id) -> dict:
    """Describe an image."""
    height, width = result['predictions'][0].ori_shape
    record = dict(id=image_id, file_name=result['name'], width=width, height=height)
    if result['video'] is not None:
        record |= dict(video=result['video'].name, frame=result['frame'])
        record['timestamp'] = round(result['timestamp'], 6)
    text = dict(category=result['scenario'], text_prompt=result['text_prompt'])
    if result['read_as'] is not None:
        text['read_as'] = {name: round(v, 4) for name, v in result['read_as'].items()}
    return record | {k: v for k, v in text.items() if v} | dict(route=result['route'])


def instance_records(result: dict, image_id: Id) -> list[dict]:
    """Describe the instances of an image, without ``id``; ``bbox`` is COCO's xywh."""
    instances = result['predictions'][0].pred_instances
    records = []
    for row, points in enumerate(instances.keypoints):
        scores = instances.keypoint_scores[row]
        flags = np.where(scores >= VISIBLE, 2, 1)  # K
        triples = np.column_stack([points.round(2), flags])  # K, 3
        x1, y1, x2, y2 = (float(value) for value in instances.bboxes[row])
        track = {}
        if 'track_id' in instances:
            track['track_id'] = int(instances.track_id[row])
        records.append(
            dict(
                image_id=image_id,
                category_id=result.get('category_id', 1),
                bbox=[round(v, 2) for v in (x1, y1, x2 - x1, y2 - y1)],
                area=round((x2 - x1) * (y2 - y1), 2),
                iscrowd=0,
                keypoints=[round(float(value), 2) for value in triples.ravel()],
                num_keypoints=len(points),
                keypoint_scores=[round(float(score), 4) for score in scores],
                score=round(float(instances.bbox_scores[row] * scores.mean()), 4),
                **track,
            )
        )
    return records


def category_record(dataset_meta: dict, category_id: Id = 1) -> dict:
    """Describe the person category."""
    names = dataset_meta['keypoint_id2name']
    return dict(
        id=category_id,
        name='person',
        supercategory='person',
        keypoints=[names[index] for index in sorted(names)],
        skeleton=[[a + 1, b + 1] for a, b in dataset_meta['skeleton_links']],
    )


def to_coco(results: Sequence[dict], dataset_meta: dict) -> dict:
    """Convert results to COCO's annotation format.

    Args:
        results (Sequence[dict]): Of :class:`VLPoseInferencer`, with
            ``return_datasamples=True``.
        dataset_meta (dict): The dataset's metainfo.

    Returns:
        dict: ``images``, ``annotations`` and ``categories``, ready for JSON.
    """
    images, annotations = [], []
    for row, result in enumerate(results, 1):
        image_id = row if result['image_id'] is None else result['image_id']
        images.append(image_record(result, image_id))
        for record in instance_records(result, image_id):
            annotations.append(dict(id=len(annotations) + 1, **record))
    ids = dict.fromkeys(each['category_id'] for each in annotations) or [1]
    categories = [category_record(dataset_meta, category_id) for category_id in ids]
    return dict(images=images, annotations=annotations, categories=categories)


def write_coco(path: str, lines: Callable[[], Iterable[dict]], dataset_meta: dict) -> None:
    """Write everything to one file without holding it in memory.

    Args:
        path (str): The JSON file.
        lines (Callable): Returns what there is of each image: its ``image_id``, or ``None``
            for its row, and its records, ``image`` and ``instances``.
        dataset_meta (dict): The dataset's metainfo.
    """
    with replace_file(path) as file:

        def write(records: Iterable[dict]) -> None:
            for row, record in enumerate(records):
                file.write(f'{"," if row else ""}\n{json.dumps(record)}'.encode())

        file.write(b'{"images": [')
        write({**line['image'], 'id': image_id} for image_id, line in _numbered(lines()))
        file.write(b'\n],\n"annotations": [')
        instances = (
            {**record, 'image_id': image_id}
            for image_id, line in _numbered(lines())
            for record in line['instances']
        )
        ids = {}

        def counted() -> Iterator[dict]:
            for row, record in enumerate(instances, 1):
                ids[record['category_id']] = True
                yield {'id': row, **record}

        write(counted())
        categories = [category_record(dataset_meta, each) for each in ids or [1]]
        file.write(f'\n],\n"categories": {json.dumps(categories)}}}\n'.encode())


def _numbered(lines: Iterable[dict]) -> Iterator[tuple[Id, dict]]:
    """Yield images with their id in the file of bboxes, else their row."""
    used = set()
    for row, line in enumerate(lines, 1):
        image_id = row if line['image_id'] is None else line['image_id']
        if image_id in used:
            # The same image again; no file has so many.
            image_id = 10**15 + row
        used.add(image_id)
        yield image_id, line
