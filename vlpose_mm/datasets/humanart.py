"""Human-Art with the category and the description of each image."""

from mmpose.datasets.datasets.body import HumanArt21Dataset, HumanArtDataset
from mmpose.registry import DATASETS

from vlpose_mm.datasets.base import BaseVLDataset


@DATASETS.register_module()
class HumanArtVLDataset(BaseVLDataset, HumanArtDataset):
    """Human-Art dataset; also reads files of Human-Art and COCO together.

    Human-Art's detection file has bboxes in xyxy, COCO's in xywh. MMPose reads both as
    xywh, which enlarges Human-Art's bboxes; published results with detected bboxes use
    that reading, so it is the default.

    The arguments are those of :class:`BaseVLDataset`.
    """


@DATASETS.register_module()
class HumanArt21VLDataset(HumanArtVLDataset, HumanArt21Dataset):
    """Human-Art with its own 21 keypoints: COCO's, hands and feet.

    The arguments are those of :class:`BaseVLDataset`.
    """

    KEYPOINTS_KEY = 'keypoints_21'
    METAINFO = HumanArt21Dataset.METAINFO
