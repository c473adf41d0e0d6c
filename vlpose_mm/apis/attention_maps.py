"""Ask a model which words the patches of an image read."""

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
    boxes: Sequence[Sequence[float]] | np.ndarray | None = None,
    words: Mapping | None = None,
) -> list[AttentionMaps]:
    """Find out which words each patch of an image reads.

    Args:
        model (VLPoseEstimator): A model made by :func:`mmpose.apis.init_model`.
        image (str | os.PathLike | np.ndarray): A file, or an image in BGR, H x W x 3.
        boxes (Sequence[Sequence[float]] | np.ndarray, optional): People: x, y, width and
            height in pixels, N x 4; the whole image by default.
        words (Mapping, optional): What the image is told, as an image record would:
            ``text_prompt`` or ``category``, see :class:`AssignTextPrompt`.

    Returns:
        list[AttentionMaps]: One for each box.

    Raises:
        OSError: If the image cannot be read.
        ValueError: If the model reads no words or none for this image, its test pipeline
            has no prompts or does not tell the crop, the image is not H x W x 3, or a
            box is not four numbers, has no size or is outside of the image.
    """
    if not isinstance(model, VLPoseEstimator):
        raise ValueError(f'{type(model).__name__} reads no words; give a VLPoseEstimator.')
    path = None if isinstance(image, np.ndarray) else os.fspath(image)
    pixels = image if path is None else read_image(path)
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(f'The image must be H x W x 3, in BGR, got {pixels.shape}.')
    height, width = pixels.shape[:2]
    boxes = [(0, 0, width, height)] if boxes is None else boxes
    if any(np.shape(box) != (4,) for box in boxes):
        raise ValueError(f'Boxes must be lists of x, y, width and height, got {boxes}.')
    if len(boxes) == 0:
        return []
    boxes = np.array(boxes, np.float32)  # N, 4
    for x, y, w, h in boxes:
        is_inside = x < width and y < height and x + w > 0 and y + h > 0
        if not (w > 0 and h > 0 and is_inside):
            raise ValueError(
                f'The box {x:g} {y:g} {w:g} {h:g} (x y width height) holds nothing of '
                f'{path or "the image"}, which is {width} x {height} pixels.'
            )
    init_default_scope('mmpose')
    pipeline = Compose(model.cfg.test_dataloader.dataset.pipeline)
    batch = []
    for x, y, w, h in boxes:
        info = dict(img=pixels.copy(), img_path=path, **model.dataset_meta)
        info |= dict(bbox=np.array([[x, y, x + w, y + h]]), bbox_score=np.ones(1))
        batch.append(pipeline(info | dict(words or {})))
    if any('text_prompt' not in packed['data_samples'].metainfo for packed in batch):
        raise ValueError(
            "The model's test pipeline gives no text prompts; add AssignTextPrompt to it, as "
            'the configs of vlpose_mm have it.'
        )
    for key in ('input_center', 'input_scale', 'input_size'):
        if any(key not in packed['data_samples'].metainfo for packed in batch):
            raise ValueError(
                f"The model's test pipeline does not tell {key}; add it to meta_keys of "
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
            f'{path or "The image"} takes the original route, which reads no words; '
            'give it a text prompt or a scenario, or set model.test_cfg.route=tuned.'
        )
    return maps


def annotated_people(ann_file: str, image: str) -> tuple[np.ndarray, dict]:
    """Look an image up in an annotation file.

    Args:
        ann_file (str): COCO-style annotation file.
        image (str): Path of the image, which ends with the file's name for it.

    Returns:
        tuple[np.ndarray, dict]: Boxes of the people who have keypoints, N x 4 (x, y, width,
        height in pixels), and the words of the image record; see :func:`find_attention_maps`.

    Raises:
        OSError: If there is no such annotation file.
        ValueError: If it is no such file, or does not have the image or people on it.
    """
    try:
        with open(ann_file, encoding='utf-8') as file:
            truth = json.load(file)
        path = PurePath(os.path.abspath(image)).parts
        records = [
            record
            for record in truth['images']
            if path[-len(name := PurePath(record['file_name']).parts) :] == name
        ]
        image_id = records[0]['id'] if records else None
        boxes = [
            person['bbox']
            for person in truth['annotations']
            if person['image_id'] == image_id and any(person.get('keypoints', []))
        ]
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(
            f"{ann_file} is no annotation file like COCO's ({type(error).__name__}: "
            f'{error}).'
        ) from error
    if not boxes:
        missing = 'nobody with keypoints on' if records else 'no image'
        raise ValueError(f'{ann_file} has {missing} {image}; give boxes instead.')
    words = {k: records[0][k] for k in HumanArtVLDataset.IMAGE_KEYS if records[0].get(k)}
    return np.array(boxes, np.float32), words
