"""One image that shows some of every kind."""

from pathlib import Path

import cv2
import numpy as np

from .styles import SCENARIOS

_CELL = 120
_LABEL = 132


def _thumbnail(path: Path) -> np.ndarray:
    """An image fitted into a white square cell."""
    image = cv2.imread(str(path))
    factor = (_CELL - 6) / max(image.shape[:2])
    image = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    height, width = image.shape[:2]
    cell = np.full((_CELL, _CELL, 3), 255, np.uint8)
    top, left = (_CELL - height) // 2, (_CELL - width) // 2
    cell[top : top + height, left : left + width] = image
    return cell


def _cells(paths: list[Path], columns: int) -> np.ndarray:
    """Images next to each other, filled up to ``columns``."""
    blank = np.full((_CELL, _CELL, 3), 255, np.uint8)
    cells = [_thumbnail(path) for path in paths]
    return np.concatenate([*cells, *[blank] * (columns - len(cells))], 1)


def _row(name: str, paths: list[Path], columns: int) -> np.ndarray:
    """A label and up to ``columns`` images."""
    label = np.full((_CELL, _LABEL, 3), 255, np.uint8)
    cv2.putText(
        label,
        name,
        (6, _CELL // 2 + 4),
        cv2.FONT_HERSHEY_SIMPLEX,
        0.48,
        (0, 0, 0),
        1,
        cv2.LINE_AA,
    )
    return np.concatenate([label, _cells(paths[:columns], columns)], 1)


def write_contact_sheet(data: Path, path: Path, columns: int = 6) -> None:
    """Write a .png or .jpg with a row of images for the photos and each scenario."""
    patterns = {'photo': 'coco/*2017/*.jpg'}
    for name, scenario in SCENARIOS.items():
        patterns[name] = f'HumanArt/images/{scenario.group}/{name}/*.jpg'
    rows = []
    for name, pattern in patterns.items():
        images = sorted(data.glob(pattern))
        if images:
            rows.append(_row(name, images, columns))
    if not rows:
        raise ValueError(f'no images in {data}')
    _write(path, rows)


def write_rows(path: Path, rows: list[list[Path]]) -> None:
    """Write a .png or .jpg with rows of images; the first row is the longest."""
    _write(path, [_cells(row, len(rows[0])) for row in rows])


def _write(path: Path, rows: list[np.ndarray]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), np.concatenate(rows)):
        raise OSError(f'cannot write {path}')
