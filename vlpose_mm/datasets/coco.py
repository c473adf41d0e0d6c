"""COCO, with its files checked as Human-Art's are."""

from mmpose.datasets.datasets import CocoDataset
from mmpose.registry import DATASETS

from vlpose_mm.datasets.base import BaseVLDataset


@DATASETS.register_module()
class CocoVLDataset(BaseVLDataset, CocoDataset):
    """COCO dataset; the arguments are those of :class:`BaseVLDataset`."""
