"""Check bboxes. All are x1, y1, x2, y2 in pixels of the image."""

from collections.abc import Sequence

import numpy as np

BBoxes = Sequence[Sequence[float]] | np.ndarray


def check_bboxes(bboxes: BBoxes, name: str) -> np.ndarray:
    """Convert bboxes, and refuse what is none.

    Args:
        bboxes (Sequence[Sequence[float]] | np.ndarray): x1, y1, x2, y2 in pixels, and
            perhaps a score, N x 4 or N x 5.
        name (str): The image, for the error.

    Returns:
        np.ndarray: x1, y1, x2, y2 and score, float32, N x 5; a score is 1 by default.

    Raises:
        ValueError: If the shape is another one.
    """
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
    """Clip bboxes to the image, and drop those that cover nothing of it.

    Args:
        bboxes (np.ndarray): x1, y1, x2, y2 in pixels and score, N x 5.
        width (int): Of the image, in pixels.
        height (int): Of the image, in pixels.

    Returns:
        tuple[np.ndarray, list[str]]: The bboxes that are left, M x 5, and what is wrong
        with each of the others.
    """
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
