"""Write results in COCO's annotation format."""

import json
from collections.abc import Iterator
from itertools import groupby

import numpy as np
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample

from vlpose_mm.apis.coco_records import image_record, instance_records, write_coco
from vlpose_mm.ray.output import Output


def write_annotations(output: Output, path: str, dataset_meta: dict) -> None:
    """Write what ``vlpose`` writes as ``annotations.json``, without images that failed.

    Args:
        output (Output): The results.
        path (str): The file.
        dataset_meta (dict): The dataset's metainfo.
    """
    write_coco(path, lambda: _lines(output), dataset_meta)


def _lines(output: Output) -> Iterator[dict]:
    for path in output.parts():
        rows = output.read(path).to_pylist()
        for _, group in groupby(rows, key=lambda row: row['image']):
            first, *others = group
            if first['error'] is None:
                result = as_result([first, *others])
                yield dict(
                    image_id=first['image_id'],
                    image=image_record(result, 0),
                    instances=instance_records(result, 0),
                )


def as_result(rows: list[dict]) -> dict:
    """Return the rows of an image as the inferencer does."""
    first = rows[0]
    rows = [row for row in rows if row['instance'] is not None]
    sample = PoseDataSample(metainfo=dict(ori_shape=(first['height'], first['width'])))
    sample.pred_instances = InstanceData(
        bboxes=np.array([row['bbox'] for row in rows], np.float32).reshape(-1, 4),
        bbox_scores=np.array([row['bbox_score'] for row in rows], np.float32),
        keypoints=np.array([row['keypoints'] for row in rows]),
        keypoint_scores=np.array([row['keypoint_scores'] for row in rows], np.float32),
    )
    text_prompt = first['text_prompt']
    if text_prompt is not None and text_prompt.startswith('["'):
        text_prompt = json.loads(text_prompt)
    keys = ('image_id', 'category_id', 'scenario', 'route')
    return dict(
        {key: first[key] for key in keys},
        name=first['image'],
        predictions=[sample],
        video=None,
        text_prompt=text_prompt,
        read_as=None if first['read_as'] is None else dict(first['read_as']),
    )
