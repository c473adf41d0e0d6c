"""Qualitative examples: the images with the largest gains and losses."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2

from projects.domain_gap_report.annotations import ImageFinder
from projects.domain_gap_report.comparison import Change, Comparison
from projects.domain_gap_report.skeletons import SkeletonPainter

NUM_EXAMPLES = 4  # of gains and of losses, per model
HEIGHT = 260
GAP = 8


class Example(NamedTuple):
    """The skeletons of the first and of another model on an image, side by side."""

    name: str
    change: Change
    file_name: str
    jpeg: bytes


class Examples(NamedTuple):
    """The examples of a model, largest gains and losses first, and how many changed."""

    model: str
    gained: list[Example]
    lost: list[Example]
    note: str


class ExamplePainter:
    """Draw the qualitative examples; ``missing`` lists images that were not found."""

    def __init__(self, comparison: Comparison, images: ImageFinder) -> None:
        self.comparison = comparison
        self.images = images
        self.painter = SkeletonPainter()
        self.missing: list[str] = []

    def paint(self, model: int) -> Examples:
        """Draw the examples of a model, by its index among the runs."""
        run = self.comparison.runs[model]
        changes = self.comparison.changes(run)
        gained = [change for change in changes if change.gain > 0]
        lost = [change for change in reversed(changes) if change.gain < 0]
        equal = len(changes) - len(gained) - len(lost)
        return Examples(
            run.name,
            self._paint(model, 'gained', gained),
            self._paint(model, 'lost', lost),
            f'Of {len(changes)} images with instances, {len(gained)} gained, {len(lost)} '
            f'lost and {equal} did not change.',
        )

    def _paint(self, model: int, kind: str, changes: Sequence[Change]) -> list[Example]:
        """Draw the first images whose files exist."""
        pair = self.comparison.runs[0], self.comparison.runs[model]
        coco_gt = pair[1].coco_gt
        examples = []
        for change in changes[:NUM_EXAMPLES]:
            file_name = coco_gt.imgs[change.img_id].get('file_name', str(change.img_id))
            path = self.images.find(file_name)
            image = None if path is None else cv2.imread(str(path))
            if image is None:
                self.missing.append(file_name)
                continue
            # A detector has more bboxes than there are instances.
            count = len(coco_gt.imgToAnns[change.img_id])
            results = [run.results(change.img_id)[:count] for run in pair]
            drawn = self.painter.paint_pair(image[..., ::-1], results, HEIGHT, GAP)
            quality = [cv2.IMWRITE_JPEG_QUALITY, 85]
            jpeg = cv2.imencode('.jpg', drawn[..., ::-1], quality)[1].tobytes()
            name = f'model_{model + 1}_{kind}_{len(examples) + 1}'
            examples.append(Example(name, change, file_name, jpeg))
        return examples
