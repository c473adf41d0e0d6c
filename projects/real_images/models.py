"""The models that are measured: one for each route, with one interface."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from projects.real_images.sets import RealSet
from vlpose_mm import VLPoseInferencer
from vlpose_mm.datasets.transforms.text_prompt import AssignTextPrompt
from vlpose_mm.names import WHOLE_IMAGE

ORIGINAL, TUNED, AUTO = 'original', 'tuned', 'auto'
BATCH_SIZE = 8


class Found(NamedTuple):
    """What a model finds on an image."""

    image_id: int
    route: str  # That it took.
    keypoints: np.ndarray  # N, K, 2, in pixels
    keypoint_scores: np.ndarray  # N, K
    bboxes: np.ndarray  # N, 5: x1, y1, x2, y2 and score
    areas: np.ndarray  # N, of the crops


class ModelArgument(NamedTuple):
    """A model of the command line, ``[NAME=]MODEL[,WEIGHTS[,BASE]]``."""

    name: str
    model: str
    weights: str | None
    base_weights: str | None

    @classmethod
    def parse(cls, text: str) -> 'ModelArgument':
        """Split an argument.

        Raises:
            ValueError: If there are more parts.
        """
        name, is_named, rest = text.partition('=')
        parts = (rest if is_named else text).split(',')
        if len(parts) > 3 or not all(parts):
            raise ValueError(f'{text!r} is not of the form [NAME=]MODEL[,WEIGHTS[,BASE]].')
        model, weights, base, *_ = *parts, None, None
        return cls(name if is_named else Path(model).stem, model, weights, base)


class Model:
    """A model of MMPose or a VLPose, on all of its routes."""

    def __init__(self, argument: ModelArgument, device: str | None = None) -> None:
        self.name = argument.name
        self.inferencer = VLPoseInferencer(
            argument.model,
            argument.weights,
            base_weights=argument.base_weights,
            det_model=WHOLE_IMAGE,
            device=device,
        )
        transforms = self.inferencer.pipeline.transforms
        self._assign = next(t for t in transforms if isinstance(t, AssignTextPrompt))
        self.dataset_meta = self.inferencer.model.dataset_meta
        self.digest = _digest(self.inferencer)

    @property
    def routes(self) -> tuple[str, ...]:
        """tuple[str]: Those that differ."""
        if not self.inferencer.is_tuned:
            return (ORIGINAL,)
        classifies = self.inferencer.model.scenario_classifier is not None
        return (ORIGINAL, TUNED, AUTO) if classifies else (ORIGINAL, TUNED)

    def run(
        self, real_set: RealSet, bboxes: dict[int, np.ndarray], route: str
    ) -> Iterator[Found]:
        """Estimate the poses in the bboxes of a set.

        Args:
            real_set (RealSet): The set.
            bboxes (dict[int, np.ndarray]): Image id -> N x 5.
            route (str): ``'tuned'`` reads the annotated scenario; ``'auto'`` is told
                nothing of an image, and classifies it.
        """
        images = [image for image in real_set.images if len(bboxes[image['id']])]
        items = []
        for image in images:
            path = str(real_set.images_root / image['file_name'])
            items.append(dict(image=path, bboxes=bboxes[image['id']], route=route))
            if route == TUNED:
                info = dict(self.dataset_meta, img_path='', category=image.get('category'))
                items[-1]['text_prompt'] = self._assign.transform(info)['text_prompt']
        results = self.inferencer(items, return_datasamples=True, batch_size=BATCH_SIZE)
        for image, result in zip(images, results, strict=True):
            sample = result['predictions'][0]
            found = sample.pred_instances
            yield Found(
                image['id'],
                result['route'],
                found.keypoints,
                found.keypoint_scores,
                np.column_stack([found.bboxes, found.bbox_scores]),
                np.prod(sample.gt_instances.bbox_scales, axis=1),
            )


def _digest(inferencer: VLPoseInferencer) -> str:
    """Return a digest of weights and settings."""
    model, cfg = inferencer.model, inferencer.cfg
    digest = hashlib.sha256(f'{cfg.model}{inferencer.pipeline}'.encode())
    for name, tensor in model.state_dict().items():
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(tensor.cpu().float().numpy()))
    return digest.hexdigest()[:16]
