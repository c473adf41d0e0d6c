"""Attention maps of an image."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import PurePath

import numpy as np
import torch
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import init_default_scope

from vlpose_mm.datasets.humanart import HumanArtVLDataset
from vlpose_mm.datasets.image_io import read_image
from vlpose_mm.models.necks.attention_maps import AttentionMaps
from vlpose_mm.models.pose_estimators.vlpose import VLPoseEstimator


def find_attention_maps(
    model: VLPoseEstimator,
    image: str | os.PathLike | np.ndarray,
    bboxes: Sequence[Sequence[float]] | np.ndarray | None = None,
    annotations: Mapping | None = None,
) -> list[AttentionMaps]:
    """Compute the attention of each patch of an image to the words of its text prompt.

    Args:
        model (VLPoseEstimator): A model from :func:`mmpose.apis.init_model`.
        image (str | os.PathLike | np.ndarray): A file, or an image in BGR, H x W x 3.
        bboxes (Sequence[Sequence[float]] | np.ndarray, optional): Instances, xyxy in
            pixels, N x 4; by default the whole image.
        annotations (Mapping, optional): ``text_prompt`` or ``category``, as of an image
            record, see :class:`AssignTextPrompt`.

    Returns:
        list[AttentionMaps]: One for each bbox.

    Raises:
        OSError: If the image cannot be read.
        ValueError: If the model has no text or not for this image, its test pipeline lacks
            text prompts or meta keys, the image is not H x W x 3, or a bbox is not four
            numbers, is empty or is outside of the image.
    """
    if not isinstance(model, VLPoseEstimator):
        raise ValueError(
            f'{type(model).__name__} reads no text prompts; use a VLPoseEstimator.'
        )
    path = None if isinstance(image, np.ndarray) else os.fspath(image)
    pixels = image if path is None else read_image(path)
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(f'The image must be H x W x 3, in BGR, got {pixels.shape}.')
    height, width = pixels.shape[:2]
    bboxes = [(0, 0, width, height)] if bboxes is None else bboxes
    if any(np.shape(bbox) != (4,) for bbox in bboxes):
        raise ValueError(f'bboxes must be lists of x1, y1, x2 and y2, got {bboxes}.')
    for x1, y1, x2, y2 in bboxes:
        if not (max(x1, 0) < min(x2, width) and max(y1, 0) < min(y2, height)):
            raise ValueError(
                f'The bbox {x1:g} {y1:g} {x2:g} {y2:g} (x1 y1 x2 y2) is empty or outside '
                f'of {path or "the image"}, which is {width} x {height} pixels.'
            )
    if len(bboxes) == 0:
        return []
    init_default_scope('mmpose')
    pipeline = Compose(model.cfg.test_dataloader.dataset.pipeline)
    batch = []
    for bbox in np.array(bboxes, np.float32):
        info = dict(img=pixels.copy(), img_path=path, **model.dataset_meta)
        info |= dict(bbox=bbox[None], bbox_score=np.ones(1))
        batch.append(pipeline(info | dict(annotations or {})))
    metainfo = batch[0]['data_samples'].metainfo
    if 'text_prompt' not in metainfo:
        raise ValueError(
            "The model's test pipeline assigns no text prompts; add AssignTextPrompt, "
            'as in the configs of vlpose_mm.'
        )
    for key in ('input_center', 'input_scale', 'input_size'):
        if key not in metainfo:
            raise ValueError(
                f"The model's test pipeline does not pack {key}; add it to meta_keys of "
                'its PackPoseInputs.'
            )
    before = model.test_cfg
    model.test_cfg = {**before, 'output_attention_maps': True}
    try:
        with torch.no_grad():
            samples = model.test_step(pseudo_collate(batch))
    finally:
        model.test_cfg = before
    maps = [sample.metainfo.get('pred_attention_maps') for sample in samples]
    if None in maps:
        raise ValueError(
            f'{path or "The image"} takes the original route, which reads no text prompt; '
            'set a text prompt or a scenario, or model.test_cfg.route=tuned.'
        )
    return maps


def annotated_bboxes(ann_file: str, image: str) -> tuple[np.ndarray, dict]:
    """Look up an image in an annotation file.

    Args:
        ann_file (str): COCO-format annotation file.
        image (str): Path of the image, which ends with its ``file_name`` there.

    Returns:
        tuple[np.ndarray, dict]: Bboxes of the instances with keypoints, xyxy in pixels,
        N x 4, and the annotations of the image; see :func:`find_attention_maps`.

    Raises:
        OSError: If the annotation file does not exist.
        ValueError: If it is broken, or lacks the image or instances on it.
    """
    try:
        with open(ann_file, encoding='utf-8') as file:
            content = json.load(file)
        path = PurePath(os.path.abspath(image)).parts
        records = [
            record
            for record in content['images']
            if path[-len(name := PurePath(record['file_name']).parts) :] == name
        ]
        image_id = records[0]['id'] if records else None
        bboxes = [
            [x, y, x + w, y + h]
            for x, y, w, h in (
                instance['bbox']
                for instance in content['annotations']
                if instance['image_id'] == image_id and any(instance.get('keypoints', []))
            )
        ]
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(
            f"{ann_file} is not an annotation file in COCO's format "
            f'({type(error).__name__}: {error}).'
        ) from error
    if not bboxes:
        missing = 'no instance with keypoints on' if records else 'no image'
        raise ValueError(f'{ann_file} has {missing} {image}; set the bboxes instead.')
    record = records[0]
    annotations = {k: record[k] for k in HumanArtVLDataset.IMAGE_KEYS if record.get(k)}
    return np.array(bboxes, np.float32), annotations
