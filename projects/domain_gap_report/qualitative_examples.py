"""The images on which models differ most, drawn with the skeletons of both."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2

from projects.domain_gap_report.annotations import ImageFiles
from projects.domain_gap_report.comparison import Change, Comparison
from projects.domain_gap_report.skeletons import SkeletonPainter

# Of a model's images, how many are shown that gained most, and that lost most.
NUM_IMAGES = 4
IMAGE_HEIGHT = 260
GAP = 8


class Shown(NamedTuple):
    """An image that changed.

    Attributes:
        name (str): Of its file.
        change (Change): How it changed.
        file_name (str): Of the image, as its annotation file says.
        jpeg (bytes): The first model's skeletons and the other one's, side by side.
    """

    name: str
    change: Change
    file_name: str
    jpeg: bytes


class Changed(NamedTuple):
    """The images that changed most.

    Attributes:
        model (str): Compared with the first one.
        gained (list[Shown]): Where it is better, the greatest gain first.
        lost (list[Shown]): Where it is worse, the greatest loss first.
        note (str): How many images changed.
    """

    model: str
    gained: list[Shown]
    lost: list[Shown]
    note: str


class ChangedImages:
    """Draws the images that changed most.

    Args:
        comparison (Comparison): The runs.
        images (ImageFiles): Where their images lie.
    """

    def __init__(self, comparison: Comparison, images: ImageFiles) -> None:
        self.comparison = comparison
        self.images = images
        self.painter = SkeletonPainter()
        # The images whose files were wanted and are not there.
        self.missing: list[str] = []

    def of(self, model: int) -> Changed:
        """Draw the images of a model.

        Args:
            model (int): Its place among the runs.

        Returns:
            Changed: The images.
        """
        run = self.comparison.runs[model]
        changes = self.comparison.changes(run)
        gained = [c for c in changes if c.gain > 0]
        lost = [c for c in reversed(changes) if c.gain < 0]
        same = len(changes) - len(gained) - len(lost)
        return Changed(
            run.name,
            self._shown(model, 'gained', gained),
            self._shown(model, 'lost', lost),
            f'Of {len(changes)} images with people, {len(gained)} gained, {len(lost)} '
            f'lost and {same} stayed as they were.',
        )

    def _shown(self, model: int, kind: str, changes: Sequence[Change]) -> list[Shown]:
        """Draw the first images of a list whose files are there."""
        first, run = self.comparison.runs[0], self.comparison.runs[model]
        shown = []
        for change in changes[:NUM_IMAGES]:
            file_name = run.truth.imgs[change.img_id].get('file_name', str(change.img_id))
            path = self.images.find(file_name)
            image = None if path is None else cv2.imread(str(path))
            if image is None:
                self.missing.append(file_name)
                continue
            # Further boxes of a detector hold nobody.
            people = len(run.truth.imgToAnns[change.img_id])
            pair = [r.found(change.img_id)[:people] for r in (first, run)]
            drawn = self.painter.paint_pair(image[..., ::-1], pair, IMAGE_HEIGHT, GAP)
            quality = [cv2.IMWRITE_JPEG_QUALITY, 85]
            jpeg = cv2.imencode('.jpg', drawn[..., ::-1], quality)[1].tobytes()
            name = f'model_{model + 1}_{kind}_{len(shown) + 1}'
            shown.append(Shown(name, change, file_name, jpeg))
        return shown
