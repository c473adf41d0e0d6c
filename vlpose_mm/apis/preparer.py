"""Read images and crop their instances."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from mmcv.transforms import Compose
from mmengine.logging import print_log
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample

from vlpose_mm.apis.batches import Prepared
from vlpose_mm.apis.bboxes import BBoxFile, check_bboxes, clip_bboxes
from vlpose_mm.apis.call import Call
from vlpose_mm.apis.inputs import Source
from vlpose_mm.datasets.transforms.text_prompt import AssignTextPrompt

# What results need in the samples.
META_KEYS = ('text_prompt', 'text_source', 'scenario', 'route', 'img_id')
META_KEYS += ('input_center', 'input_scale', 'input_size')


@dataclass
class Preparer:
    """Makes crops of images, without the model, so that another process can.

    Args:
        pipeline (Compose): The test pipeline.
        dataset_meta (dict): The dataset's metainfo.
        is_cropped (bool): Whether an image without bboxes is the crop of one instance.
        is_tuned (bool): Whether the model has tuned weights.
        is_detected (bool): Whether a detector finds the bboxes that are not given.

    Raises:
        ValueError: If the pipeline does not end like ours.
    """

    pipeline: Compose
    dataset_meta: dict
    is_cropped: bool
    is_tuned: bool
    is_detected: bool

    def __post_init__(self) -> None:
        transforms = self.pipeline.transforms
        assign = [each for each in transforms if isinstance(each, AssignTextPrompt)]
        keys = getattr(transforms[-1], 'meta_keys', ())
        if not assign or set(META_KEYS) - {*keys}:
            raise ValueError(
                "The test pipeline does not end like vlpose_mm's "
                '_base_/datasets/pack_with_text.py (AssignTextPrompt, and PackPoseInputs '
                f'with {", ".join(META_KEYS)} in meta_keys).'
            )
        self.assign = assign[-1]
        paddings = [each.padding for each in transforms if hasattr(each, 'padding')]
        self.padding = paddings[0] if paddings else 1.0

    def prepare(self, source: Source, call: Call) -> Prepared:
        """Read an image and, unless a detector has to find its instances, crop them."""
        image = source.read()
        own = source.overrides
        text, image_id, category_id = {}, None, 1
        if isinstance(call.bboxes, BBoxFile):
            if not source.is_file:
                raise ValueError(f'{call.bboxes.path} has bboxes of image files only.')
            image_id = call.bboxes.image_id(source.path)
            category_id = call.bboxes.category_id
        bboxes = own.get('bboxes', call.bboxes)
        if isinstance(bboxes, BBoxFile):
            text = bboxes.text_info(source.path)
            bboxes = bboxes.bboxes(source.path, call.bbox_thr)
        text = self.text_of(own, text)
        shape = image.shape[:2]
        prepared = Prepared(source, image, shape, text, image_id, category_id)
        if bboxes is not None:
            bboxes = _clipped(check_bboxes(bboxes, source.name), image, source.name)
            return self.crop(prepared, bboxes)
        if self.is_detected:
            return prepared
        whole = np.array([[0, 0, shape[1], shape[0], 1]], np.float32)
        return self.crop(prepared, whole, self.is_cropped)

    def text_of(self, overrides: dict, text: dict) -> dict:
        """Return what is said of an image; a call overrides what a file says."""
        text = {**text}
        if 'scenario' in overrides:
            text['category'] = overrides['scenario']
            text.pop('text_prompt', None)
        if 'text_prompt' in overrides:
            text['text_prompt'] = overrides['text_prompt']
        if overrides.get('route', 'auto') != 'auto':
            text['route'] = overrides['route']
        if not self.is_tuned:
            text['route'] = 'original'
        return text

    def crop(
        self, prepared: Prepared, bboxes: np.ndarray, is_cropped: bool = False
    ) -> Prepared:
        """Crop the instances of an image with these bboxes and scores, N x 5."""
        source, image = prepared.source, prepared.image
        info = dict(img_path=source.path, img_id=source.frame, **prepared.text)
        packed, empty = [], None
        if not len(bboxes):
            empty = self._empty_sample(prepared.shape, self.assign.transform(info))
        for bbox in bboxes:
            crop = dict(img=image, bbox=bbox[None, :4], bbox_score=bbox[4:])  # 1, 4; 1
            if is_cropped:
                crop['bbox'] = _shrunk(crop['bbox'], self.padding)
            packed.append(self.pipeline({**info, **crop, **self.dataset_meta}))
        return prepared._replace(bboxes=bboxes[:, :4], packed=packed, empty=empty)

    def _empty_sample(self, shape: tuple[int, int], info: dict) -> PoseDataSample:
        """Make the sample of an image without instances."""
        keys = ('img_path', 'scenario')
        sample = PoseDataSample(metainfo={key: info[key] for key in keys})
        sample.set_metainfo(dict(ori_shape=shape))
        count = len(self.dataset_meta['keypoint_id2name'])
        sample.pred_instances = InstanceData(
            bboxes=np.zeros((0, 4), np.float32),
            bbox_scores=np.zeros(0, np.float32),
            keypoints=np.zeros((0, count, 2), np.float32),
            keypoint_scores=np.zeros((0, count), np.float32),
            keypoints_visible=np.zeros((0, count), np.float32),
        )
        return sample


def _shrunk(bboxes: np.ndarray, factor: float) -> np.ndarray:
    """Shrink bboxes, N x 4, about their center."""
    center = (bboxes[:, :2] + bboxes[:, 2:]) / 2  # N, 2
    half = (bboxes[:, 2:] - bboxes[:, :2]) / (2 * factor)
    return np.hstack([center - half, center + half]).astype(np.float32)


def _clipped(bboxes: np.ndarray, image: np.ndarray, name: str) -> np.ndarray:
    """Clip bboxes to an image, and warn of those that are dropped."""
    clipped, problems = clip_bboxes(bboxes, image.shape[1], image.shape[0])
    if problems:
        more = f' So are {len(problems) - 1} more.' if len(problems) > 1 else ''
        print_log(
            f'{name}: {problems[0]}; it is dropped.{more}',
            logger='current',
            level=logging.WARNING,
        )
        if not len(clipped):
            raise ValueError(f'no bbox is left, as {problems[0]}.')
    return clipped
