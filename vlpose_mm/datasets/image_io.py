"""Read images of any format as MMPose takes them: BGR, uint8, upright."""

import io
import os
import stat
import string
import urllib.request
import warnings
from functools import cache
from http.client import HTTPException
from urllib.parse import quote

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from vlpose_mm.local_files import content_kind

MIN_SIDE = 8
# Where Pillow suspects an attack by default; two thirds of a GB once decoded.
MAX_PIXELS = 2 * 89_478_485
# Of a download.
MAX_BYTES = 2**28
TIMEOUT = 30  # seconds
# Pillow's readers of other formats start programs (EPS) or are obsolete.
FORMATS = 'AVIF BMP DIB GIF ICO JPEG JPEG2000 PCX PNG PPM SGI TGA TIFF WEBP'
# First bytes of TIFF, of which OpenCV reads some that Pillow does not.
TIFF = (b'II*\0', b'MM\0*')


class SizeError(ValueError):
    """An image is too small or too large."""


def read_image(path: str | os.PathLike) -> np.ndarray:
    """Read an image file or http(s) URL; see :func:`decode_image`.

    Raises:
        OSError: If it cannot be read, or is not an image.
        ValueError: If it is too small or too large.
    """
    path = os.fspath(path)
    if path.lower().startswith(('http://', 'https://')):
        return decode_image(_fetch(path), path)
    try:
        mode = os.stat(path).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            # Reading it might block, or never end.
            raise OSError('it is a pipe or a device, not a file')
        with open(path, 'rb') as file:
            content = file.read()
    except OSError as error:
        raise OSError(f'Cannot read {path}: {error.strerror or error}.') from error
    return decode_image(content, path)


def decode_image(content: bytes, name: str) -> np.ndarray:
    """Decode the content of a file, called ``name`` in errors.

    The EXIF orientation is applied, transparency becomes white, gray, palette, CMYK and
    16-bit images are converted, and of several frames the first is used.

    Returns:
        np.ndarray: BGR, uint8, H x W x 3; of a plain JPEG or PNG exactly that of
        MMPose's ``LoadImage``.

    Raises:
        OSError: If it is empty, broken or not an image.
        ValueError: If it is too small or too large.
    """
    if not content:
        raise OSError(f'{name} is empty.')
    try:
        with warnings.catch_warnings():
            # check_size has our limit, and odd metadata do not matter.
            warnings.simplefilter('ignore')
            with Image.open(io.BytesIO(content), formats=_formats()) as image:
                check_size(image.width, image.height, name)
                image.load()
                image = ImageOps.exif_transpose(image)
                return as_bgr(_plain(image), name)
    except Image.DecompressionBombError as error:
        raise _too_large(name) from error
    except UnidentifiedImageError:
        return _decode_tiff(content, name)
    except SizeError:
        raise
    except (OSError, SyntaxError, EOFError, ArithmeticError, ValueError) as error:
        reason = ' '.join(str(error).split())
        raise OSError(
            f'{name} is broken or truncated ({reason}); download or save it again.'
        ) from error


@cache
def _formats() -> list[str]:
    """Those of :data:`FORMATS` that this build of Pillow has; its readers are imported."""
    Image.init()
    return [name for name in FORMATS.split() if name in Image.OPEN]


def as_bgr(image: np.ndarray, name: str) -> np.ndarray:
    """Convert an array to BGR.

    Args:
        image (np.ndarray): uint8 or uint16; gray, H x W or H x W x 1; BGR, H x W x 3; or
            BGRA, H x W x 4, which is drawn on white.
        name (str): Name for errors.

    Returns:
        np.ndarray: BGR, uint8, H x W x 3.

    Raises:
        ValueError: If it is something else, or too small or too large.
    """
    channels = image.shape[2:] or (1,)
    if image.ndim not in (2, 3) or channels[0] not in (1, 3, 4):
        raise ValueError(
            f'{name} has the shape {image.shape}; an image is H x W x 3, in BGR. Pass '
            'several as a list.'
        )
    if image.dtype not in (np.uint8, np.uint16):
        raise ValueError(
            f'{name} is {image.dtype}; pass uint8 from 0 to 255, in BGR order.'
        )
    check_size(image.shape[1], image.shape[0], name)
    if image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    if channels[0] == 1:
        image = image.reshape(image.shape[:2])  # H, W
        return np.repeat(image[..., None], 3, 2)
    if channels[0] == 4:
        # By rows, since a whole image in float64 takes eight times its size.
        image = np.stack([_on_white(row) for row in image])
    return np.ascontiguousarray(image)


def check_size(width: int, height: int, name: str) -> None:
    """Check that an image is large enough for a person and fits into memory."""
    if min(width, height) < MIN_SIDE:
        raise SizeError(
            f'{name} is {width} x {height} pixels; an image of a person needs at least '
            f'{MIN_SIDE} x {MIN_SIDE}.'
        )
    if width * height > MAX_PIXELS:
        raise _too_large(name)


def _on_white(row: np.ndarray) -> np.ndarray:
    """Draw a row of BGRA pixels, W x 4, on white."""
    alpha = row[:, 3:] / 255.0
    return np.rint(row[:, :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)


def _too_large(name: str) -> SizeError:
    return SizeError(
        f'{name} has more than {MAX_PIXELS // 10**6} million pixels; scale it down first.'
    )


def _plain(image: Image.Image) -> np.ndarray:
    """Convert an image of any mode to an array for :func:`as_bgr`."""
    if image.mode.startswith('I') or image.mode == 'F':
        values = np.asarray(image)  # H, W
        # 16-bit gray, or an unknown range.
        low, high = values.min(), values.max()
        if image.mode.startswith('I') and low >= 0 and high < 2**16:
            low, high = 0, 2**16 - 1
        factor = 255 / max(float(high) - float(low), 1e-12)
        rows = [np.rint((row - float(low)) * factor) for row in values]
        return np.stack(rows, dtype=np.uint8, casting='unsafe')
    if image.has_transparency_data:
        return np.asarray(image.convert('RGBA'))[..., [2, 1, 0, 3]]
    # In a fraction of the time that NumPy takes to turn the channels.
    return cv2.cvtColor(np.asarray(image.convert('RGB')), cv2.COLOR_RGB2BGR)


def _decode_tiff(content: bytes, name: str) -> np.ndarray:
    """Decode a TIFF that Pillow does not know, such as 16-bit color, with OpenCV."""
    if content_kind(content) == 'video':
        raise OSError(f'{name} is a video; give an image, such as one of its frames.')
    if not content.startswith(TIFF):
        raise OSError(f'{name} is not a readable image; use a JPEG or PNG.')
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise OSError(f'{name} cannot be decoded ({error.err}).') from error
    if image is None:
        raise OSError(f'{name} is not a readable image; use a JPEG or PNG.')
    return as_bgr(image, name)


def _fetch(url: str) -> bytes:
    try:
        quoted = quote(url, safe=string.punctuation)
        with urllib.request.urlopen(quoted, timeout=TIMEOUT) as answer:
            content = answer.read(MAX_BYTES + 1)
    except (OSError, ValueError, HTTPException) as error:
        reason = getattr(error, 'reason', None) or error
        raise OSError(f'Cannot download {url}: {reason}.') from error
    if len(content) > MAX_BYTES:
        raise OSError(f'{url} is larger than {MAX_BYTES >> 20} MiB.')
    return content
