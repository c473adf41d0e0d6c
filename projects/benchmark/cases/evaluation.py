"""The metric beside MMPose's, and the parts of the evaluation of growing sets."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from mmpose.datasets.datasets import CocoDataset
from mmpose.evaluation.metrics import CocoMetric

from projects.benchmark.comparison import compare
from projects.benchmark.conditions import Conditions
from projects.benchmark.synthetic import make_annotations, make_results
from projects.benchmark.timing import alternate
from vlpose_mm.evaluation import ScenarioCocoMetric, ScenarioEvaluation
from vlpose_mm.evaluation.functional.coco_files import (
    read_annotations,
    read_json,
    read_results,
)
from vlpose_mm.evaluation.functional.score_tables import (
    as_dict,
    keypoint_table,
    score_table,
)

SIZES = (1250, 10_000)


def measure(cfg: Mapping, conditions: Conditions) -> Iterator[dict]:
    """Evaluate synthetic results of synthetic images.

    Yield, for each size, a comparison of the metrics and one of the parts of
    ``vlpose_mm.tools.evaluate``, in seconds or milliseconds of the processor.
    """
    metainfo = CocoDataset(lazy_init=True).metainfo
    for num_images in SIZES:
        annotations = make_annotations(num_images)
        results = make_results(annotations)
        samples = list(map(_sample, range(len(results)), results))
        with TemporaryDirectory() as folder, redirect_stdout(None):
            ann_file = Path(folder) / 'annotations.json'
            ann_file.write_text(json.dumps(annotations))
            result_file = Path(folder) / 'results.json'
            result_file.write_text(json.dumps(results))
            rounds = [
                _evaluate(ann_file, result_file, metainfo) for _ in range(conditions.rounds)
            ]
            calls = {
                metric.__name__: partial(_score, metric, str(ann_file), metainfo, samples)
                for metric in (CocoMetric, ScenarioCocoMetric)
            }
            seconds = alternate(calls, conditions.rounds, lambda call: call(), warm_up=0)
        yield compare(f'metrics, {num_images} images', 's', seconds)
        parts = {k: [1000 * one[k] / num_images for one in rounds] for k in rounds[0]}
        yield compare(f'evaluation of {num_images} images', 'ms per image', parts)


def _score(
    metric_class: type[CocoMetric], ann_file: str, metainfo: dict, samples: list[dict]
) -> float:
    """Time a metric from samples to scores, without reading the annotations."""
    metric = metric_class(ann_file=ann_file)
    metric.dataset_meta = metainfo
    start = time.process_time()
    metric.process({}, samples)
    metric.evaluate(len(samples))
    return time.process_time() - start


def _sample(index: int, result: dict) -> dict:
    """Turn a result into a data sample, as MMPose hands it to its metrics."""
    x, y, w, h = result['bbox']
    return dict(
        id=index,
        img_id=result['image_id'],
        pred_instances=dict(
            keypoints=np.reshape(result['keypoints'], (1, 17, 3))[..., :2],
            keypoint_scores=np.full((1, 17), result['score']),
            bboxes=np.array([[x, y, x + w, y + h]]),
        ),
        gt_instances=dict(bbox_scores=np.ones(1), bbox_scales=np.array([[w, h]])),
    )


def _evaluate(ann_file: Path, result_file: Path, metainfo: dict) -> dict[str, float]:
    """Evaluate as the tool does; return the seconds of the processor of each part."""
    names = list(metainfo['keypoint_id2name'].values())
    spent = {}

    def timed(name: str, call: Callable, *args: Any) -> Any:
        start = time.process_time()
        result = call(*args)
        spent[name] = time.process_time() - start
        return result

    timed('JSON of the annotations', read_json, ann_file)
    coco_gt = timed('the same, checked and indexed', read_annotations, ann_file)
    timed('JSON of the results', read_json, result_file)
    results = timed('the same, checked', read_results, result_file, coco_gt, len(names))
    sigmas = np.array(metainfo['sigmas'])
    evaluation = timed("COCO's matching", ScenarioEvaluation, coco_gt, results, sigmas)
    timed('scores of every part', score_table, evaluation)
    timed('OKS of every keypoint', keypoint_table, evaluation, names)
    timed('all of it as JSON', as_dict, evaluation, names)
    return spent
