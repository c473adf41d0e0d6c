"""Caption and write images."""

import os
from functools import cache

import cv2
import numpy as np
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

from vlpose_mm.checkpoint.io import replace_file

BLACK = (30, 30, 30)
GRAY = (110, 110, 110)
# Height of a line of text in pixels.
LINE = 17


def save_image(image: np.ndarray, path: str) -> None:
    """Write an RGB image, H x W x 3; what was there stays until the new one is whole.

    Raises:
        OSError: If it cannot be written.
    """
    _, content = cv2.imencode(os.path.splitext(path)[1], image[..., ::-1])
    with replace_file(path) as file:
        file.write(content.tobytes())


def caption(width: int, *lines: tuple[str, tuple[int, int, int]]) -> np.ndarray:
    """Write lines of text with their colors, cut to the width, on a white RGB strip."""
    strip = Image.new('RGB', (width, LINE * len(lines) + 2), 'white')
    draw, font = ImageDraw.Draw(strip), _font()
    for row, (text, color) in enumerate(lines):
        if draw.textlength(text, font) > width:
            while text and draw.textlength(f'{text}…', font) > width:
                text = text[:-1]
            text = f'{text}…'
        draw.text((0, LINE * row), text, color, font)
    return np.array(strip)


@cache
def _font() -> ImageFont.FreeTypeFont:
    """A font of many scripts, which comes with matplotlib."""
    return ImageFont.truetype(font_manager.findfont('DejaVu Sans'), 12)
