"""What was found on images."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import cv2
import numpy as np

from vlpose_mm.apis.inputs import Item, Video
from vlpose_mm.apis.writers import Summary, save_all
from vlpose_mm.checkpoint.io import replace_file
from vlpose_mm.models.necks.attention_maps import AttentionMaps

IMAGES = ('.jpg', '.jpeg', '.png', '.webp', '.bmp')


class Failure(NamedTuple):
    """An image that could not be done.

    Attributes:
        name (str): Its name among the inputs.
        reason (str): Why, in a text prompt.
    """

    name: str
    reason: str


@dataclass
class PoseResult:
    """The people of one image.

    Attributes:
        name (str): The image's name among the inputs.
        image (np.ndarray): BGR, uint8, H x W x 3.
        keypoints (np.ndarray): x and y in pixels, N x K x 2.
        scores (np.ndarray): How sure each keypoint is, N x K.
        boxes (np.ndarray): Corners x1, y1, x2, y2 of the people, N x 4.
        box_scores (np.ndarray): How sure they are, N.
        scenario (str | None): What kind of image it is, told or found by the classifier.
        prompt (str | list[str] | None): What the text encoder read; ``None`` on the
            original route.
        route (str): The weights used, ``'tuned'`` or ``'original'``.
        attention_maps (list[AttentionMaps]): Which words were read where, of each person, if wanted
            and tuned.
        image_id (int | None): Its number in the file of boxes.
        video (Video, optional): What it is a frame of.
        frame (int): Its number there, from 0.
        meta (dict): The dataset's metainfo: names of keypoints, skeleton, colors.
        paint (Callable): Draws skeletons; see :meth:`draw`.
    """

    name: str
    image: np.ndarray = field(repr=False)
    keypoints: np.ndarray
    scores: np.ndarray
    boxes: np.ndarray
    box_scores: np.ndarray
    scenario: str | None
    prompt: str | list[str] | None
    route: str
    attention_maps: list[AttentionMaps] = field(repr=False)
    image_id: int | None
    video: Video | None
    frame: int
    meta: dict = field(repr=False)
    paint: Callable = field(repr=False)

    def __len__(self) -> int:
        return len(self.keypoints)

    def draw(self, kpt_thr: float = 0.3, boxes: bool = False) -> np.ndarray:
        """Draw the people on the image, with MMPose's visualizer.

        Args:
            kpt_thr (float): Lowest score of a keypoint that is drawn.
            boxes (bool): Whether to draw their boxes as well.

        Returns:
            np.ndarray: The drawing in BGR, H x W x 3.
        """
        return self.paint(self, kpt_thr, boxes)

    def scaled(self, factor: float) -> PoseResult:
        """Make the same result of the image in another size, to draw it.

        Args:
            factor (float): How many times larger it becomes.

        Returns:
            PoseResult: The result.
        """
        way = cv2.INTER_CUBIC if factor > 1 else cv2.INTER_AREA
        height, width = (max(1, round(n * factor)) for n in self.image.shape[:2])
        image = cv2.resize(self.image, (width, height), interpolation=way)
        keypoints, boxes = self.keypoints * factor, self.boxes * factor
        return replace(self, image=image, keypoints=keypoints, boxes=boxes)

    def image_record(self, image_id: int) -> dict:
        """Describe the image as an annotation file of COCO does.

        Args:
            image_id (int): Its number.

        Returns:
            dict: The record, with the words and the route.
        """
        height, width = self.image.shape[:2]
        record = dict(id=image_id, file_name=self.name, width=width, height=height)
        if self.video is not None:
            record |= dict(video=self.video.name, frame=self.frame)
        told = dict(category=self.scenario, text_prompt=self.prompt)
        return record | {k: v for k, v in told.items() if v} | dict(route=self.route)

    def people_records(self, image_id: int) -> list[dict]:
        """Describe the people as an annotation file of COCO does, without ids.

        A keypoint's third number is 2 where it is sure (``keypoint_scores`` of 0.3 or
        more), else 1.

        Args:
            image_id (int): The image's number.

        Returns:
            list[dict]: One for each.
        """
        records = []
        for row, points in enumerate(self.keypoints):
            scores = self.scores[row]
            flags = np.where(scores >= 0.3, 2, 1)  # K
            triples = np.column_stack([points.round(2), flags])  # K, 3
            x1, y1, x2, y2 = (float(value) for value in self.boxes[row])
            records.append(
                dict(
                    image_id=image_id,
                    category_id=1,
                    bbox=[round(v, 2) for v in (x1, y1, x2 - x1, y2 - y1)],
                    area=round((x2 - x1) * (y2 - y1), 2),
                    iscrowd=0,
                    keypoints=[round(float(value), 2) for value in triples.ravel()],
                    num_keypoints=len(points),
                    keypoint_scores=[round(float(score), 4) for score in scores],
                    score=round(float(self.box_scores[row] * scores.mean()), 4),
                )
            )
        return records

    def coco(self) -> dict:
        """Put everything into COCO's annotation format.

        Returns:
            dict: ``images``, ``annotations`` and ``categories``, ready for JSON.
        """
        number = 1 if self.image_id is None else self.image_id
        people = self.people_records(number)
        people = [dict(id=row, **record) for row, record in enumerate(people, 1)]
        images = [self.image_record(number)]
        return dict(images=images, annotations=people, categories=[category(self.meta)])

    def save(self, path: str | os.PathLike) -> None:
        """Write it to a file; whatever was there stays until the new one is whole.

        Args:
            path (str | os.PathLike): ``.json``: what :meth:`coco` gives; an image's
                suffix, such as ``.png``: the drawing.

        Raises:
            OSError: If it cannot be written.
            ValueError: If the suffix is another one.
        """
        path = os.fspath(path)
        suffix = os.path.splitext(path)[1].lower()
        if suffix == '.json':
            content = json.dumps(self.coco()).encode()
        elif suffix in IMAGES:
            content = encode_image(self.draw(), suffix)
        else:
            raise ValueError(f'Cannot save {path}: name it .json, or one of {IMAGES}.')
        with replace_file(path) as file:
            file.write(content)


class PoseResults:
    """The results of a call, one after the other; nothing runs before they are asked for.

    Args:
        run (Callable): From items to results.
        items (list[Item]): The inputs.
        settings (dict): What was asked for, ready for JSON.
        meta (dict): The dataset's metainfo.
    """

    def __init__(
        self,
        run: Callable[[list[Item], list[Failure]], Iterator[PoseResult]],
        items: list[Item],
        settings: dict,
        meta: dict,
    ) -> None:
        #: What could not be done so far.
        self.failures: list[Failure] = []
        self.items = items
        self.settings = settings
        self.meta = meta
        self._run = run
        self._iterator: Iterator[PoseResult] | None = None

    def __iter__(self) -> Iterator[PoseResult]:
        return self

    def __next__(self) -> PoseResult:
        if self._iterator is None:
            self._iterator = self._run(self.items, self.failures)
        return next(self._iterator)

    def save(
        self,
        out: str | os.PathLike,
        drawings: bool = True,
        resume: bool = False,
        each: Callable[[PoseResult], None] | None = None,
    ) -> Summary:
        """Run everything and write what is found, image by image.

        Writes ``annotations.json`` in COCO's annotation format, ``drawings/`` of images
        and ``videos/``, and ``failed.txt`` if something failed. ``progress.jsonl`` is what
        a later run goes on from.

        Args:
            out (str | os.PathLike): Folder to write to.
            drawings (bool): Whether to draw.
            resume (bool): Go on with a folder in which another run has ended early, or to
                which images were added; otherwise a folder with results is refused.
            each (Callable, optional): Called with every result.

        Returns:
            Summary: What was done.

        Raises:
            OSError: If something cannot be written.
            ValueError: If the folder holds results and ``resume`` is not set, or those of
                another call; or if the results have been asked for already.
        """
        if self._iterator is not None:
            raise ValueError(
                'These results have been asked for; call the inferencer again.'
            )
        return save_all(self, os.fspath(out), drawings, resume, each)


def category(meta: dict) -> dict:
    """Describe people as an annotation file of COCO does.

    Args:
        meta (dict): The dataset's metainfo.

    Returns:
        dict: The category.
    """
    names = meta['keypoint_id2name']
    return dict(
        id=1,
        name='person',
        supercategory='person',
        keypoints=[names[index] for index in sorted(names)],
        skeleton=[[a + 1, b + 1] for a, b in meta['skeleton_links']],
    )


def encode_image(image: np.ndarray, suffix: str) -> bytes:
    """Encode an image.

    Args:
        image (np.ndarray): BGR, H x W x 3.
        suffix (str): Of its format, such as ``'.png'``.

    Returns:
        bytes: The file.
    """
    return cv2.imencode(suffix, image)[1].tobytes()
