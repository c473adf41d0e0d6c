"""Paint photos with the style networks of a root of real images."""

import random
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from rich.progress import track

from projects.real_small.splits import HELD_OUT_STYLES, is_train

STYLES = ('la_muse', 'rain_princess', 'scream', 'wave')
TRAINED_STYLES = tuple(style for style in STYLES if style not in HELD_OUT_STYLES)
# Strokes have a fixed size in pixels: larger photos have finer ones.
SCALES = (1.0, 1.5, 2.0)
COCO_SCALES = (1.0, 0.7)


def choose_photos(
    images: Sequence[dict], num_train: int, num_test: int
) -> list[tuple[dict, str, float]]:
    """Choose photos of LSPET, the style of each and by how much to enlarge it.

    Always the same for the same numbers; more photos begin with those of fewer.
    """
    chosen = []
    for training, count, styles in (
        (True, num_train, TRAINED_STYLES),
        (False, num_test, STYLES),
    ):
        photos = [image for image in images if is_train('lspet', image) == training]
        random.Random(0).shuffle(photos)
        for i, image in enumerate(photos[:count]):
            scale = SCALES[i // len(styles) % len(SCALES)]
            chosen.append((image, styles[i % len(styles)], scale))
    return chosen


def choose_all(images: Sequence[dict]) -> list[tuple[dict, str, float]]:
    """Choose all photos of COCO for training, in all styles of it and sizes."""
    photos = [image for image in images if is_train('coco_subset', image)]
    return [*product(photos, TRAINED_STYLES, COCO_SCALES)]


def paint(session: onnxruntime.InferenceSession, image: np.ndarray) -> np.ndarray:
    """Paint an image, H x W x 3 in RGB; sides are cut to multiples of 4."""
    h, w = (side // 4 * 4 for side in image.shape[:2])
    x = image[:h, :w].transpose(2, 0, 1)[None].astype(np.float32)  # 1, 3, H, W
    (y,) = session.run(None, {session.get_inputs()[0].name: x})
    y = y[0].transpose(1, 2, 0)[:h, :w]
    return np.clip(y, 0, 255).astype(np.uint8)


def painting_name(image: dict, style: str, scale: float) -> str:
    """Return the file name of a painting, after its photo, style and scale."""
    return f'{Path(image["file_name"]).stem}_{style}_{scale:g}.jpg'


def paint_photos(root: Path, out: Path, chosen: Sequence[tuple[dict, str, float]]) -> None:
    """Paint the chosen photos into a folder; what is there already stays.

    Args:
        root (Path): Folder of the real sets.
        out (Path): Folder of the paintings.
        chosen (Sequence[tuple[dict, str, float]]): Image record, style and scale of each.
    """
    out.mkdir(parents=True, exist_ok=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    sessions = {
        style: onnxruntime.InferenceSession(str(root / f'style_nets/{style}.onnx'), options)
        for style in {style for _, style, _ in chosen}
    }
    for image, style, scale in track(chosen, 'painting'):
        path = out / painting_name(image, style, scale)
        if path.exists():
            continue
        photo = cv2.imread(str(root / image['file_name']))
        size = tuple(round(side * scale) for side in photo.shape[1::-1])
        photo = cv2.resize(photo, size, interpolation=cv2.INTER_CUBIC)[..., ::-1]
        painting = paint(sessions[style], photo)[..., ::-1]
        part = path.with_suffix('.part.jpg')
        cv2.imwrite(str(part), painting, [cv2.IMWRITE_JPEG_QUALITY, 90])
        part.rename(path)
