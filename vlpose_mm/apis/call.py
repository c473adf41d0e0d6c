"""Check the arguments of a call before anything runs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from vlpose_mm.apis.bbox_file import BBoxFile
from vlpose_mm.apis.bboxes import BBoxes, check_bboxes
from vlpose_mm.apis.inputs import Input, Item, find_items
from vlpose_mm.apis.text_check import TextCheck


class Call(NamedTuple):
    """What a call runs on.

    Attributes:
        items (list[Item]): The inputs, each with its own and the call's overrides.
        bboxes (BBoxFile | Sequence | np.ndarray, optional): x1, y1, x2, y2 in pixels of
            every image, N x 4 or N x 5; or a file.
        bbox_thr (float): Lowest score of a bbox, in [0, 1].
        nms_thr (float): Highest IoU of two detected bboxes, in [0, 1].
        settings (dict): All of it that every image shares, ready for JSON.
    """

    items: list[Item]
    bboxes: BBoxFile | BBoxes | None
    bbox_thr: float
    nms_thr: float
    settings: dict


def check_call(
    text_check: TextCheck,
    inputs: Input | Sequence[Input],
    scenario: str | None = None,
    text_prompt: str | list[str] | None = None,
    route: str = 'auto',
    bboxes: BBoxFile | str | os.PathLike | BBoxes | None = None,
    bbox_thr: float = 0.3,
    nms_thr: float = 0.3,
) -> Call:
    """Check the arguments that say what is estimated.

    Args:
        text_check (TextCheck): Checks scenarios, text prompts and routes.
        inputs (Input | Sequence[Input]): See :func:`find_items`.
        scenario, text_prompt, route, bboxes, bbox_thr, nms_thr: See
            :meth:`VLPoseInferencer.__call__`.

    Raises:
        OSError: If the images or the file of bboxes do not exist.
        TypeError: If an input is of another type.
        ValueError: If there are no images, or an argument is wrong.
    """
    for name, value in (('bbox_thr', bbox_thr), ('nms_thr', nms_thr)):
        if not 0 <= value <= 1:
            raise ValueError(f'{name} must be in [0, 1], got {value!r}.')
    text = text_check.check(scenario, text_prompt, route)
    source = None
    if isinstance(bboxes, str | os.PathLike):
        bboxes = BBoxFile(bboxes)
    if isinstance(bboxes, BBoxFile):
        source = bboxes.digest
    elif bboxes is not None:
        source = check_bboxes(bboxes, 'the call').tolist()
    items = []
    for item in find_items(inputs):
        own = {**item.overrides}
        own_bboxes = own.pop('bboxes', None)
        own = text_check.check(**own)
        if own_bboxes is not None:
            check_bboxes(own_bboxes, item.name)
            own['bboxes'] = own_bboxes
        items.append(item._replace(overrides={**text, **own}))
    thresholds = dict(bbox_thr=bbox_thr, nms_thr=nms_thr)
    settings = {**text, **thresholds, 'bboxes': source}
    return Call(items, bboxes, **thresholds, settings=settings)
