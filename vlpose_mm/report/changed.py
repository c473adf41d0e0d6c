"""The pictures on which models differ most, drawn with the skeletons of both."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2

from vlpose_mm.report.comparison import Change, Comparison
from vlpose_mm.report.pictures import SkeletonPainter
from vlpose_mm.report.truth import PictureFiles

# Of a model's pictures, how many are shown that gained most, and that lost most.
NUM_PICTURES = 4
PICTURE_HEIGHT = 260
GAP = 8


class Shown(NamedTuple):
    """A picture that changed.

    Attributes:
        name (str): Of its file.
        change (Change): How it changed.
        file_name (str): Of the picture, as its annotation file says.
        jpeg (bytes): The first model's skeletons and the other one's, side by side.
    """

    name: str
    change: Change
    file_name: str
    jpeg: bytes


class Changed(NamedTuple):
    """The pictures that changed most.

    Attributes:
        model (str): Compared with the first one.
        gained (list[Shown]): Where it is better, the greatest gain first.
        lost (list[Shown]): Where it is worse, the greatest loss first.
        note (str): How many pictures changed.
    """

    model: str
    gained: list[Shown]
    lost: list[Shown]
    note: str


class ChangedPictures:
    """Draws the pictures that changed most.

    Args:
        comparison (Comparison): The runs.
        pictures (PictureFiles): Where their pictures lie.
    """

    def __init__(self, comparison: Comparison, pictures: PictureFiles) -> None:
        self.comparison = comparison
        self.pictures = pictures
        self.painter = SkeletonPainter()
        # The pictures whose files were wanted and are not there.
        self.missing: list[str] = []

    def of(self, model: int) -> Changed:
        """Draw the pictures of a model.

        Args:
            model (int): Its place among the runs.

        Returns:
            Changed: The pictures.
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
            f'Of {len(changes)} pictures with people, {len(gained)} gained, {len(lost)} '
            f'lost and {same} stayed as they were.',
        )

    def _shown(self, model: int, kind: str, changes: Sequence[Change]) -> list[Shown]:
        """Draw the first pictures of a list whose files are there."""
        first, run = self.comparison.runs[0], self.comparison.runs[model]
        shown = []
        for change in changes[:NUM_PICTURES]:
            file_name = run.truth.imgs[change.img_id].get('file_name', str(change.img_id))
            path = self.pictures.find(file_name)
            picture = None if path is None else cv2.imread(str(path))
            if picture is None:
                self.missing.append(file_name)
                continue
            # Further boxes of a detector hold nobody.
            people = len(run.truth.imgToAnns[change.img_id])
            pair = [r.found(change.img_id)[:people] for r in (first, run)]
            drawn = self.painter.paint_pair(picture[..., ::-1], pair, PICTURE_HEIGHT, GAP)
            quality = [cv2.IMWRITE_JPEG_QUALITY, 85]
            jpeg = cv2.imencode('.jpg', drawn[..., ::-1], quality)[1].tobytes()
            name = f'model_{model + 1}_{kind}_{len(shown) + 1}'
            shown.append(Shown(name, change, file_name, jpeg))
        return shown
