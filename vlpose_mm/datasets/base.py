"""COCO-style datasets whose files are checked, with the annotations of images."""

import os.path as osp
from typing import Any

import numpy as np
from mmengine.fileio import exists
from mmengine.logging import print_log
from mmpose.datasets.datasets import BaseCocoStyleDataset

from vlpose_mm.datasets.annotations import KEYPOINTS, Annotations, read_detections


class BaseVLDataset(BaseCocoStyleDataset):
    """COCO-style dataset whose samples also have the image annotations of the method.

    Adds ``category`` (such as ``'digital art'``) and ``description``, and two keys of our
    own, ``text_prompt`` and ``route``, where the image record has them. Its files are
    checked when it is built; see :class:`Annotations`. Ids may be integers or text.

    Args:
        *args: Passed to :class:`mmpose.datasets.BaseCocoStyleDataset`.
        bbox_format (str): Format of the bboxes in ``bbox_file``: ``'xywh'`` or ``'xyxy'``.
        **kwargs: Passed to the same.

    Raises:
        FileNotFoundError: If an annotation or detection file is missing.
        ValueError: If such a file is broken or has no usable instance, or the format is
            unknown.
    """

    KEYPOINTS_KEY = KEYPOINTS
    IMAGE_KEYS = ('category', 'description', 'text_prompt', 'route')

    def __init__(self, *args: Any, bbox_format: str = 'xywh', **kwargs: Any) -> None:
        if bbox_format not in ('xywh', 'xyxy'):
            raise ValueError(f"bbox_format is 'xywh' or 'xyxy', got {bbox_format!r}.")
        self.bbox_format = bbox_format
        super().__init__(*args, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Load the samples; see :class:`mmpose.datasets.BaseCocoStyleDataset`."""
        for path in filter(None, (self.ann_file, self.bbox_file)):
            if not exists(path):
                raise FileNotFoundError(
                    f'{path} does not exist; set data_root, ann_file and bbox_file to the '
                    'location of the data.'
                )
        return super().load_data_list()

    def filter_data(self) -> list[dict]:
        """Filter the samples; see :class:`mmpose.datasets.BaseCocoStyleDataset`."""
        kept = super().filter_data()
        if self.data_list and not kept:
            raise ValueError(
                f'0 of {len(self.data_list)} bboxes of {self.bbox_file or self.ann_file} '
                f'are usable: none passes filter_cfg, {self.filter_cfg}.'
            )
        return kept

    def parse_data_info(self, raw_data_info: dict) -> dict | None:
        """Parse an annotation; see :class:`mmpose.datasets.BaseCocoStyleDataset`."""
        # MMPose's deep copy makes loading a third slower.
        annotation = _ShallowCopied(raw_data_info['raw_ann_info'])
        data_info = super().parse_data_info({**raw_data_info, 'raw_ann_info': annotation})
        if data_info is not None:
            data_info |= self._image_annotations(raw_data_info['raw_img_info'])
        return data_info

    def _read_annotations(self, is_labeled: bool) -> Annotations:
        self.coco = coco = Annotations(self.ann_file, is_labeled, self.KEYPOINTS_KEY)
        coco.check_images()
        coco.check_num_keypoints(self.metainfo['num_keypoints'])
        self._metainfo['CLASSES'] = list(coco.cats.values())
        return coco

    def _load_annotations(self) -> tuple[list[dict], list[dict]]:
        """Load instances and images."""
        coco = self._read_annotations(is_labeled=True)
        numbers = None
        if not all(type(id_) is int for id_ in coco.anns):
            # Metrics sort by it.
            numbers = {id_: number for number, id_ in enumerate(coco.anns)}
        instances, images = [], []
        for row, (img_id, image) in enumerate(coco.imgs.items()):
            if (img_id if type(img_id) is int else row) % self.sample_interval:
                continue
            path = osp.join(self.data_prefix['img'], image['file_name'])
            image.update(img_id=img_id, img_path=path)
            images.append(image)
            for annotation in coco.imgToAnns.get(img_id, ()):
                info = self.parse_data_info(
                    dict(raw_ann_info=annotation, raw_img_info=image)
                )
                if info and numbers:
                    info['id'] = numbers[info['id']]
                if info:
                    instances.append(info)
        return instances, images

    def _get_topdown_data_infos(self, instance_list: list[dict]) -> list[dict]:
        """Keep the usable instances, and say how many are not."""
        kept = super()._get_topdown_data_infos(instance_list)
        if not kept:
            raise self.coco.nobody_left(map(_reason, instance_list))
        unused = len(instance_list) - len(kept)
        if unused:
            print_log(
                f'{unused} of {len(instance_list)} instances of {self.ann_file} are not '
                'used: crowds, and those without labeled keypoints or bbox.',
                'current',
            )
        return kept

    def _load_detection_results(self) -> list[dict]:
        """Load detected bboxes with the annotations of their images."""
        coco = self._read_annotations(is_labeled=False)
        num_keypoints = self.metainfo['num_keypoints']
        data_list: list[dict] = []
        for detection in read_detections(self.bbox_file, coco):
            image = coco.imgs[detection['image_id']]
            bbox = np.array(detection['bbox'][:4], np.float32).reshape(1, 4)
            if self.bbox_format == 'xywh':
                bbox[:, 2:] += bbox[:, :2]
            if (bbox[:, 2:] <= bbox[:, :2]).any():
                continue
            data_info = dict(
                img_id=image['id'],
                img_path=osp.join(self.data_prefix['img'], image['file_name']),
                img_shape=(image['height'], image['width']),
                bbox=bbox,
                bbox_score=np.array([detection['score']], np.float32),
                # Unknown.
                keypoints=np.zeros((1, num_keypoints, 2), np.float32),
                keypoints_visible=np.ones((1, num_keypoints), np.float32),
                id=len(data_list),
            )
            data_list.append(data_info | self._image_annotations(image))
        if not data_list:
            raise ValueError(
                f'0 of the detections of {self.bbox_file} are usable: no bbox has a width '
                f'and a height; bbox_format is {self.bbox_format!r}.'
            )
        return data_list

    def _image_annotations(self, record: dict) -> dict:
        return {key: record[key] for key in self.IMAGE_KEYS if record.get(key)}


def _reason(data_info: dict) -> str | None:
    """Return why MMPose does not use an instance."""
    x1, y1, x2, y2 = data_info['bbox'][0]
    if data_info['iscrowd']:
        return 'crowds'
    if data_info['num_keypoints'] == 0:
        return 'without labeled keypoints (num_keypoints is 0)'
    if x2 <= x1 or y2 <= y1:
        return 'whose bbox covers nothing of the image'
    if data_info['keypoints'].max() <= 0:
        return 'whose keypoints are all at or beyond the corner of the image'
    return None


class _ShallowCopied(dict):
    """An annotation that no one else uses, so that a deep copy is not needed."""

    def __deepcopy__(self, memo: dict) -> dict:
        return dict(self)
