"""Predict once, and keep what was predicted as COCO-format result files."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from mmengine.structures import InstanceData
from mmpose.evaluation.functional import nms
from mmpose.evaluation.metrics import CocoMetric
from rich.console import Console
from rich.progress import track

from projects.real_images.models import Model
from projects.real_images.movenet.centernet import CENTERNET, detect_people
from projects.real_images.sets import RealSet
from vlpose_mm.apis.detectors import build_detector, detect, find_detector
from vlpose_mm.checkpoint.io import replace_file
from vlpose_mm.datasets.image_io import read_image

# The inferencer's.
BBOX_THR, NMS_THR = 0.3, 0.3
CONSOLE = Console(stderr=True)
TRUE, WHOLE = 'true', 'whole-image'


class Predictions(NamedTuple):
    """What a model predicted on a set."""

    model: str
    route: str
    bboxes: str  # ``'true'``, ``'whole-image'``, or the detector.
    set_name: str
    result_file: Path  # COCO's format.
    routes: dict[int, str]  # Image id -> route that was taken.

    @property
    def run(self) -> str:
        """str: Name of the model and the route."""
        return f'{self.model} {self.route}'


def true_bboxes(real_set: RealSet) -> dict[int, np.ndarray]:
    """Return the annotated bboxes of each image, N x 5."""
    bboxes = {}
    for image_id, instances in real_set.instances.items():
        xywh = np.array([each['bbox'] for each in instances]).reshape(-1, 4)
        xyxy = np.hstack([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]])
        bboxes[image_id] = np.column_stack([xyxy, np.ones(len(xyxy))])
    return bboxes


def whole_bboxes(real_set: RealSet) -> dict[int, np.ndarray]:
    """Return a bbox around each whole image, 1 x 5."""
    return {
        image['id']: np.array([[0, 0, image['width'], image['height'], 1.0]])
        for image in real_set.images
    }


def detected_bboxes(
    det_model: str, sets: Sequence[RealSet], out: Path, device: str | None = None
) -> list[dict[int, np.ndarray]]:
    """Return the bboxes that a detector finds on the images of sets, N x 5 each; what it
    found before is read."""
    find_bboxes, found = None, []
    for real_set in sets:
        file = out / 'detections' / det_model / f'{real_set.name}.json'
        kept = json.loads(file.read_text()) if file.exists() else {}
        ids = [str(image['id']) for image in real_set.images]
        if [*kept] != ids:
            find_bboxes = find_bboxes or _detector(det_model, device)
            paths = [real_set.images_root / image['file_name'] for image in real_set.images]
            title = f'{det_model} {real_set.name}'
            rows = track(find_bboxes(paths), title, len(paths), console=CONSOLE)
            kept = {i: each.tolist() for i, each in zip(ids, rows, strict=True)}
            file.parent.mkdir(parents=True, exist_ok=True)
            with replace_file(str(file)) as stream:
                stream.write(json.dumps(kept).encode())
        found.append({int(i): np.array(rows).reshape(-1, 5) for i, rows in kept.items()})
    return found


def _detector(
    det_model: str, device: str | None
) -> Callable[[Sequence[Path]], Iterator[np.ndarray]]:
    """Return a function that yields the bboxes of people on images."""
    if det_model == CENTERNET:

        def find_bboxes(paths: Sequence[Path]) -> Iterator[np.ndarray]:
            for bboxes in detect_people(paths):
                bboxes = bboxes[bboxes[:, 4] > BBOX_THR]
                yield bboxes[nms(bboxes, NMS_THR)] if len(bboxes) else bboxes

        return find_bboxes
    settings = find_detector(det_model)
    detector = build_detector(settings, device)

    def find_bboxes(paths: Sequence[Path]) -> Iterator[np.ndarray]:
        for path in paths:
            image = read_image(str(path))
            yield detect(detector, settings.cat_ids, image, BBOX_THR, NMS_THR)

    return find_bboxes


def predict(
    model: Model,
    route: str,
    real_set: RealSet,
    bboxes_name: str,
    bboxes: dict[int, np.ndarray],
    out: Path,
) -> Predictions:
    """Run a model on a set, or read what it predicted before.

    Args:
        model (Model): The model.
        route (str): One of its routes.
        real_set (RealSet): The set.
        bboxes_name (str): Where the bboxes are from.
        bboxes (dict[int, np.ndarray]): Image id -> N x 5.
        out (Path): Folder that keeps predictions.

    Raises:
        ValueError: If there are no bboxes.
    """
    folder = out / 'predictions' / model.name / f'{route}_{bboxes_name}'
    prefix, note = folder / real_set.name, folder / f'{real_set.name}.json'
    result_file = folder / f'{real_set.name}.keypoints.json'
    settings = dict(model=model.digest, bboxes=_digest(bboxes))
    kept = json.loads(note.read_text()) if note.exists() else {}
    if kept.get('settings') != settings or not result_file.exists():
        if not any(map(len, bboxes.values())):
            raise ValueError(
                f'{bboxes_name} has no bboxes on {real_set.name}; omit the set or the '
                'detector.'
            )
        folder.mkdir(parents=True, exist_ok=True)
        note.unlink(missing_ok=True)
        routes = _run(model, route, real_set, bboxes, str(prefix))
        kept = dict(settings=settings, routes=routes)
        with replace_file(str(note)) as file:
            file.write(json.dumps(kept).encode())
    routes = {int(image_id): taken for image_id, taken in kept['routes'].items()}
    return Predictions(model.name, route, bboxes_name, real_set.name, result_file, routes)


def _run(
    model: Model, route: str, real_set: RealSet, bboxes: dict[int, np.ndarray], prefix: str
) -> dict[int, str]:
    """Write predictions as MMPose's tests do; return the routes that were taken."""
    metric = CocoMetric(str(real_set.ann_file), format_only=True, outfile_prefix=prefix)
    metric.dataset_meta = model.dataset_meta
    title = f'{model.name} {route} {real_set.name}'
    total = sum(len(each) > 0 for each in bboxes.values())
    routes, count = {}, 0
    for found in track(model.run(real_set, bboxes, route), title, total, console=CONSOLE):
        routes[found.image_id] = found.route
        for row in range(len(found.keypoints)):
            one = slice(row, row + 1)
            instance = InstanceData(
                keypoints=found.keypoints[one],
                keypoint_scores=found.keypoint_scores[one],
                bboxes=found.bboxes[one, :4],
                bbox_scores=found.bboxes[one, 4],
            )
            # The metric takes the area of the crop from its two sides.
            sides = dict(bbox_scales=np.array([[found.areas[row], 1.0]]))
            ids = dict(id=count, img_id=found.image_id)
            metric.process({}, [dict(ids, pred_instances=instance, gt_instances=sides)])
            count += 1
    metric.evaluate(count)
    return routes


def _digest(bboxes: dict[int, np.ndarray]) -> str:
    """Return a digest of bboxes and their images."""
    content = {image_id: each.round(2).tolist() for image_id, each in bboxes.items()}
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
