"""Where people are on an image: given boxes, and boxes in COCO's files."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

import numpy as np

from vlpose_mm.datasets.humanart import HumanArtVLDataset


class People(NamedTuple):
    """Boxes of people.

    Attributes:
        boxes (np.ndarray): Corners x1, y1, x2, y2 in pixels, N x 4.
        scores (np.ndarray): How sure they are, in [0, 1], N.
    """

    boxes: np.ndarray
    scores: np.ndarray


def whole_image(width: int, height: int) -> People:
    """Take the whole image for one person.

    Args:
        width (int): In pixels.
        height (int): In pixels.

    Returns:
        People: One box.
    """
    return People(np.array([[0, 0, width, height]], np.float32), np.ones(1, np.float32))


def shrunk(boxes: np.ndarray, factor: float) -> np.ndarray:
    """Shrink boxes about their middle.

    Args:
        boxes (np.ndarray): Corners, N x 4.
        factor (float): How many times smaller they become.

    Returns:
        np.ndarray: Corners, N x 4.
    """
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2  # N, 2
    half = (boxes[:, 2:] - boxes[:, :2]) / (2 * factor)
    return np.hstack([middle - half, middle + half]).astype(np.float32)


def given_people(boxes: Sequence[Sequence[float]] | np.ndarray, name: str) -> People:
    """Read boxes that somebody gives.

    Args:
        boxes (Sequence[Sequence[float]] | np.ndarray): Corners x1, y1, x2, y2 in pixels,
            and perhaps a score, N x 4 or N x 5.
        name (str): What they are of, for the error.

    Returns:
        People: The same.

    Raises:
        ValueError: If they are no such numbers.
    """
    try:
        rows = np.array(boxes, np.float32)
    except (TypeError, ValueError) as error:
        rows = None
        problem = error
    else:
        rows = rows.reshape(0, 4) if rows.size == 0 else np.atleast_2d(rows)
        problem = f'shape {rows.shape}'
    if rows is None or rows.ndim != 2 or rows.shape[1] not in (4, 5):
        raise ValueError(
            f'Boxes of {name} must be corners x1, y1, x2, y2 in pixels, N x 4, or N x 5 '
            f'with scores ({problem}).'
        )
    scores = rows[:, 4] if rows.shape[1] == 5 else np.ones(len(rows), np.float32)
    return People(rows[:, :4], scores)


def usable(people: People, width: int, height: int) -> tuple[People, list[str]]:
    """Cut boxes to the image, and leave out those that hold nothing of it.

    Args:
        people (People): Boxes.
        width (int): Of the image, in pixels.
        height (int): Of the image, in pixels.

    Returns:
        tuple[People, list[str]]: The boxes that are left, and what is wrong with each of
        the others.
    """
    kept, problems = [], []
    for row, box in enumerate(people.boxes):
        x1, y1, x2, y2 = box
        shown = ', '.join(f'{value:g}' for value in box)
        if not np.isfinite([*box, people.scores[row]]).all():
            problems.append(f'the box {shown} or its score is not finite')
        elif x2 <= x1 or y2 <= y1:
            problems.append(f'the box {shown} has no size; give corners x1, y1, x2, y2')
        elif min(x2, width) - max(x1, 0) < 1 or min(y2, height) - max(y1, 0) < 1:
            problems.append(
                f'the box {shown} holds not a pixel of the {width} x {height} image'
            )
        else:
            kept.append(row)
    # Cut as the data sets' own boxes are.
    boxes = people.boxes[kept].clip(0, [width, height, width, height])
    return People(boxes.astype(np.float32), people.scores[kept]), problems


class BoxFile:
    """The people of many images, in a detection or an annotation file of COCO.

    Images are found by their file names, which an annotation file tells; those of a
    detection file alone by the number in their names, as COCO's have it.

    Args:
        path (str | os.PathLike): Annotation file (``images``, ``annotations``), or
            detection file, a list of boxes with ``image_id``.
        ann_file (str | os.PathLike, optional): Annotation file that tells which images
            the numbers of a detection file mean.
        bbox_format (str): How to read ``bbox`` of a detection file: ``'xywh'``, as COCO's,
            or ``'xyxy'``, as Human-Art's.

    Raises:
        OSError: If there is no such file.
        ValueError: If it is none of that kind, or the format is unknown.
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
        truth = content
        if is_detections:
            truth = None if ann_file is None else _read_json(os.fspath(ann_file))[0]
        try:
            records = content if is_detections else content['annotations']
            self._images = {each['id']: each for each in (truth or {}).get('images', [])}
            self._rows: dict[int, list] = {}
            for record in records:
                x, y, w, h = map(float, record['bbox'])
                if is_detections and bbox_format == 'xyxy':
                    w, h = w - x, h - y
                row = [x, y, x + w, y + h, float(record.get('score', 1.0))]
                if record.get('category_id', 1) == 1 and not record.get('iscrowd'):
                    self._rows.setdefault(record['image_id'], []).append(row)
            # By their last part, so that one look finds the few that can be meant.
            self._by_name: dict[str, list[tuple[tuple[str, ...], int]]] = {}
            for number, image in self._images.items():
                parts = PurePath(image['file_name']).parts
                self._by_name.setdefault(parts[-1], []).append((parts, number))
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise ValueError(
                f"{self.path} is no file of boxes like COCO's ({type(error).__name__}: "
                f'{error}); it is an annotation file or a list of detections.'
            ) from error

    def image_id(self, path: str) -> int:
        """Find an image.

        Args:
            path (str): Its path.

        Returns:
            int: Its number in the file.

        Raises:
            ValueError: If the file does not have it.
        """
        parts = PurePath(os.path.abspath(path)).parts
        meant = [
            number
            for name, number in self._by_name.get(parts[-1], [])
            if parts[-len(name) :] == name
        ]
        if meant:
            return meant[0]
        stem = Path(path).stem
        if not self._images and stem.isdigit() and int(stem) in self._rows:
            return int(stem)
        raise ValueError(
            f'{self.path} has no image {path}; a detection file names images by '
            'number, so give its annotation file as well (BoxFile(..., ann_file=...)).'
            if not self._images
            else f'{self.path} has no image {path}.'
        )

    def people(self, path: str, bbox_thr: float) -> People:
        """Look up the people of an image.

        Args:
            path (str): Its path.
            bbox_thr (float): Lowest score.

        Returns:
            People: Their boxes.

        Raises:
            ValueError: If the file does not have the image.
        """
        rows = self._rows.get(self.image_id(path), [])
        people = given_people([row for row in rows if not row[4] < bbox_thr], path)
        return people

    def words(self, path: str) -> dict:
        """Look up what an image is told.

        Args:
            path (str): Its path.

        Returns:
            dict: ``category``, ``text_prompt``, ... of its record, where it has them.

        Raises:
            ValueError: If the file does not have the image.
        """
        image: Mapping = self._images.get(self.image_id(path), {})
        return {k: image[k] for k in HumanArtVLDataset.IMAGE_KEYS if image.get(k)}


def _read_json(path: str) -> tuple[list | dict, str]:
    """Read a file of JSON, and tell it from others."""
    try:
        with open(path, 'rb') as file:
            content = file.read()
        return json.loads(content), hashlib.sha256(content).hexdigest()[:16]
    except OSError as error:
        raise OSError(f'Cannot read {path}: {error.strerror}.') from error
    except ValueError as error:
        raise ValueError(f'{path} is no JSON ({error}).') from error
