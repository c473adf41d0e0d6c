"""Human-Art with the words of its annotations."""

from mmengine.fileio import exists
from mmpose.datasets.datasets.body import HumanArtDataset
from mmpose.registry import DATASETS


@DATASETS.register_module()
class HumanArtVLDataset(HumanArtDataset):
    """Human-Art whose samples also carry the words of their image record.

    Adds ``category`` (such as ``'digital art'``) and ``description`` where the record has
    them, and what a person may add to it: ``text_prompt``, a text prompt for this image, and
    ``route``, the weights for it. With ground-truth boxes and with detected ones. Reads
    COCO files as well, and files that mix both.

    Human-Art's detection file holds corners (x1, y1, x2, y2), where COCO's holds a corner
    and a size. MMPose reads both as the latter, which makes Human-Art's boxes too large;
    published results with detected boxes are of that reading, so it is the default here.

    Args:
        *args: Passed to :class:`mmpose.datasets.HumanArtDataset`.
        bbox_format (str): How to read ``bbox_file``: ``'xywh'`` or ``'xyxy'``.
        **kwargs: Passed to :class:`mmpose.datasets.HumanArtDataset`.

    Raises:
        FileNotFoundError: If an annotation or detection file is missing.
        ValueError: If such a file is no JSON of that kind, or the format is unknown.
    """

    WORDS = ('category', 'description', 'text_prompt', 'route')

    def __init__(self, *args, bbox_format: str = 'xywh', **kwargs) -> None:
        if bbox_format not in ('xywh', 'xyxy'):
            raise ValueError(f"bbox_format is 'xywh' or 'xyxy', got {bbox_format!r}.")
        self.bbox_format = bbox_format
        super().__init__(*args, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Load the samples; see :class:`mmpose.datasets.BaseCocoStyleDataset`."""
        for path in filter(None, (self.ann_file, self.bbox_file)):
            if not exists(path):
                raise FileNotFoundError(
                    f'{path} does not exist; set data_root, ann_file and bbox_file to '
                    'where the data lies.'
                )
        try:
            return super().load_data_list()
        except (ValueError, KeyError, TypeError) as error:
            files = ' or '.join(filter(None, (self.ann_file, self.bbox_file)))
            raise ValueError(
                f'{files} is no whole file of its kind ({type(error).__name__}: {error}).'
            ) from error

    def parse_data_info(self, raw_data_info: dict) -> dict | None:
        """Parse an annotation; see :class:`mmpose.datasets.BaseCocoStyleDataset`."""
        # A deep copy of what nobody else will hold would make reading a third slower.
        record = _OwnRecord(raw_data_info['raw_ann_info'])
        data_info = super().parse_data_info({**raw_data_info, 'raw_ann_info': record})
        if data_info is not None:
            data_info |= self._words(raw_data_info['raw_img_info'])
        return data_info

    def _load_detection_results(self) -> list[dict]:
        """Load detected boxes with the words of their images."""
        try:
            data_list = super()._load_detection_results()
        except KeyError as error:
            if not isinstance(error.args[0], int):
                raise  # A field is missing, not an image.
            raise ValueError(
                f'image {error} is not in {self.ann_file}; the detections are of other '
                'images'
            ) from error
        for data_info in data_list:
            data_info |= self._words(self.coco.imgs[data_info['img_id']])
            if self.bbox_format == 'xyxy':
                # MMPose took the far corner for a size and added the near one.
                data_info['bbox'][:, 2:] -= data_info['bbox'][:, :2]
        return data_list

    def _words(self, image: dict) -> dict:
        """Pick the words of an image record."""
        return {key: image[key] for key in self.WORDS if image.get(key)}


class _OwnRecord(dict):
    """An annotation whose file has no other reader, so that it need not be copied."""

    def __deepcopy__(self, memo: dict) -> dict:
        return dict(self)
