"""Human-Art with the category and the description of each image."""

from mmengine.fileio import exists
from mmpose.datasets.datasets.body import HumanArtDataset
from mmpose.registry import DATASETS


@DATASETS.register_module()
class HumanArtVLDataset(HumanArtDataset):
    """Human-Art dataset whose samples also have the image annotations of the method.

    Adds ``category`` (such as ``'digital art'``) and ``description``, and two keys of our
    own, ``text_prompt`` and ``route``, where the image record has them. Also reads COCO
    files, and files of both.

    Human-Art's detection file has bboxes in xyxy, COCO's in xywh. MMPose reads both as
    xywh, which enlarges Human-Art's bboxes; published results with detected bboxes use
    that reading, so it is the default.

    Args:
        *args, **kwargs: Passed to :class:`mmpose.datasets.HumanArtDataset`.
        bbox_format (str): Format of the bboxes in ``bbox_file``: ``'xywh'`` or ``'xyxy'``.

    Raises:
        FileNotFoundError: If an annotation or detection file is missing.
        ValueError: If such a file is broken, or the format is unknown.
    """

    IMAGE_KEYS = ('category', 'description', 'text_prompt', 'route')

    def __init__(self, *args, bbox_format: str = 'xywh', **kwargs) -> None:
        if bbox_format not in ('xywh', 'xyxy'):
            raise ValueError(f"bbox_format is 'xywh' or 'xyxy', got {bbox_format!r}.")
        self.bbox_format = bbox_format
        super().__init__(*args, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Load the samples; see :class:`mmpose.datasets.BaseCocoStyleDataset`."""
        files = [path for path in (self.ann_file, self.bbox_file) if path]
        for path in files:
            if not exists(path):
                raise FileNotFoundError(
                    f'{path} does not exist; set data_root, ann_file and bbox_file to the '
                    'location of the data.'
                )
        try:
            return super().load_data_list()
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f'{" or ".join(files)} is broken ({type(error).__name__}: {error}).'
            ) from error

    def parse_data_info(self, raw_data_info: dict) -> dict | None:
        """Parse an annotation; see :class:`mmpose.datasets.BaseCocoStyleDataset`."""
        # MMPose's deep copy makes loading a third slower.
        annotation = _ShallowCopied(raw_data_info['raw_ann_info'])
        data_info = super().parse_data_info({**raw_data_info, 'raw_ann_info': annotation})
        if data_info is not None:
            data_info |= self._image_annotations(raw_data_info['raw_img_info'])
        return data_info

    def _load_detection_results(self) -> list[dict]:
        """Load detected bboxes with the annotations of their images."""
        try:
            data_list = super()._load_detection_results()
        except KeyError as error:
            if not isinstance(error.args[0], int):
                raise  # a field is missing, not an image
            raise ValueError(
                f'image {error} is not in {self.ann_file}; the detections are of other '
                'images'
            ) from error
        for data_info in data_list:
            data_info |= self._image_annotations(self.coco.imgs[data_info['img_id']])
            if self.bbox_format == 'xyxy':
                # MMPose added the first corner to the second one.
                data_info['bbox'][:, 2:] -= data_info['bbox'][:, :2]
        return data_list

    def _image_annotations(self, record: dict) -> dict:
        return {key: record[key] for key in self.IMAGE_KEYS if record.get(key)}


class _ShallowCopied(dict):
    """An annotation that no one else uses, so that a deep copy is not needed."""

    def __deepcopy__(self, memo: dict) -> dict:
        return dict(self)
