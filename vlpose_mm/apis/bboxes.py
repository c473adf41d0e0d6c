"""Check bboxes, and read those of many images from COCO's files."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from vlpose_mm.datasets.annotations import CategoryError, Id, find_person, people_of
from vlpose_mm.datasets.humanart import HumanArtVLDataset
from vlpose_mm.datasets.image_names import ImageNames

BBoxes = Sequence[Sequence[float]] | np.ndarray


def check_bboxes(bboxes: BBoxes, name: str) -> np.ndarray:
    """Return bboxes as float32 x1, y1, x2, y2 in pixels and score, N x 5; refuse others."""
    try:
        rows = np.array(bboxes, np.float32)
    except (TypeError, ValueError) as error:
        rows, problem = np.empty(0), error
    else:
        rows = rows.reshape(0, 4) if rows.size == 0 else np.atleast_2d(rows)
        problem = f'shape {rows.shape}'
    if rows.ndim != 2 or rows.shape[1] not in (4, 5):
        raise ValueError(
            f'The bboxes of {name} must be x1, y1, x2, y2 in pixels, N x 4, or N x 5 '
            f'with scores ({problem}).'
        )
    if rows.shape[1] == 4:
        rows = np.column_stack([rows, np.ones(len(rows), np.float32)])  # N, 5
    return rows


def clip_bboxes(
    bboxes: np.ndarray, width: int, height: int
) -> tuple[np.ndarray, list[str]]:
    """Clip bboxes, N x 5, to the image; return those that cover any of it, and what is
    wrong with each of the others."""
    kept, problems = [], []
    for row, bbox in enumerate(bboxes):
        x1, y1, x2, y2, _ = bbox
        shown = ', '.join(f'{value:g}' for value in bbox[:4])
        if not np.isfinite(bbox).all():
            problems.append(f'the bbox {shown} or its score is not finite')
        elif x2 <= x1 or y2 <= y1:
            problems.append(f'the bbox {shown} has no size; give x1, y1, x2, y2')
        elif min(x2, width) - max(x1, 0) < 1 or min(y2, height) - max(y1, 0) < 1:
            problems.append(
                f'the bbox {shown} covers no pixel of the {width} x {height} image'
            )
        else:
            kept.append(row)
    clipped = bboxes[kept]
    # As MMPose's datasets do.
    clipped[:, :4] = clipped[:, :4].clip(0, [width, height, width, height])
    return clipped, problems


class BBoxFile:
    """The bboxes of an annotation or detection file in COCO's format.

    Images are found by the ``file_name`` of an annotation file. With a detection file
    alone they are found by its ids: names, with or without extension, or numbers; see
    :class:`ImageNames`.

    Args:
        path (str | os.PathLike): Annotation file (``images``, ``annotations``), or
            detection file (a list of bboxes with ``image_id``).
        ann_file (str | os.PathLike, optional): Annotation file that names the images of a
            detection file.
        bbox_format (str): Format of ``bbox`` in a detection file: ``'xywh'`` (COCO) or
            ``'xyxy'`` (Human-Art).

    Attributes:
        category_id (int | str): The category of people in it.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If it is not such a file, or the format is unknown.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        ann_file: str | os.PathLike | None = None,
        bbox_format: str = 'xywh',
    ) -> None:
        if bbox_format not in ('xywh', 'xyxy'):
            raise ValueError(f"bbox_format is 'xywh' or 'xyxy', got {bbox_format!r}.")
        self.path = os.fspath(path)
        content, self.digest = _read_json(self.path)
        is_detections = isinstance(content, list)
        annotations, ann_path = content, self.path
        if is_detections and ann_file is not None:
            ann_path = os.fspath(ann_file)
            annotations = _read_json(ann_path)[0]
        elif is_detections:
            annotations = {}
        try:
            records = content if is_detections else content['annotations']
            images = annotations.get('images', [])
            self._images = {image['id']: image for image in images}
            self._rows: dict[Id, list] = {}
            people, self.category_id = self._people(records, annotations, ann_path)
            for record in people:
                x, y, w, h = map(float, record['bbox'])
                if is_detections and bbox_format == 'xyxy':
                    w, h = w - x, h - y
                row = [x, y, x + w, y + h, float(record.get('score', 1.0))]
                if not record.get('iscrowd'):
                    self._rows.setdefault(record['image_id'], []).append(row)
            names = {i: image['file_name'] for i, image in self._images.items()}
            self._names = ImageNames(names or {i: str(i) for i in self._rows})
        except CategoryError:
            raise
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise ValueError(
                f'{self.path} is neither an annotation file nor a list of detections in '
                f"COCO's format ({type(error).__name__}: {error})."
            ) from error
        if names and is_detections:
            self._rows = self._of_images(self._rows)

    def _people(
        self, records: list[dict], annotations: Mapping, ann_path: str
    ) -> tuple[list[dict], Id]:
        """Return the records of people and their category, that of the annotations."""
        categories = annotations.get('categories')
        if not categories:
            people = people_of(records, self.path)
            return people, people[0].get('category_id', 1) if people else 1
        person_id = find_person(categories, annotations.get('annotations', ()), ann_path)
        names = {c['id']: c.get('name') for c in categories}
        return people_of(records, self.path, person_id, names), person_id

    def _of_images(self, rows: Mapping[Id, list]) -> dict[Id, list]:
        """Return rows by the ids of the annotated images."""
        found: dict[Id, list] = {}
        for value, each in rows.items():
            image_id = value if value in self._images else self._names.of_id(value)
            if image_id is not None:
                found.setdefault(image_id, []).extend(each)
        if rows and not found:
            shown = ', '.join(map(repr, list(rows)[:2]))
            raise ValueError(
                f'{self.path} has no image of the annotations: its ids are like {shown}, '
                f'and the file names there like {self._names.like()}.'
            )
        return found

    @property
    def id_types(self) -> set[type]:
        """set[type]: Of the ids of images."""
        return set(map(type, (*self._images, *self._rows)))

    def image_id(self, path: str) -> Id:
        """Return the id of an image in the file."""
        image_id = self._names.of_path(os.path.abspath(path))
        if image_id is not None:
            return image_id
        remedy = ''
        if not self._images:
            remedy = (
                '; if these are no names, give its annotation file as well: '
                'BBoxFile(..., ann_file=...)'
            )
        raise ValueError(
            f'{self.path} has no image {path}, or several; its images are like '
            f'{self._names.like()}{remedy}.'
        )

    def bboxes(self, path: str, bbox_thr: float) -> np.ndarray:
        """Return x1, y1, x2, y2 in pixels and score of the instances of an image, N x 5."""
        rows = self._rows.get(self.image_id(path), [])
        return check_bboxes([row for row in rows if not row[4] < bbox_thr], path)

    def text_info(self, path: str) -> dict:
        """Return ``category``, ``text_prompt``, ... of an image where the file has them."""
        image: Mapping = self._images.get(self.image_id(path), {})
        return {k: image[k] for k in HumanArtVLDataset.IMAGE_KEYS if image.get(k)}


def _read_json(path: str) -> tuple[list | dict, str]:
    """Read a JSON file and its digest."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise OSError(f'Cannot read {path}: {error.strerror}.') from error
    try:
        return json.loads(content), hashlib.sha256(content).hexdigest()[:16]
    except ValueError as error:
        raise ValueError(f'{path} is not JSON ({error}).') from error
