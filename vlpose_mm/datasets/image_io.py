"""Images of any kind, as the models take them: BGR, eight bits, the right way up."""

import io
import os
import stat
import string
import urllib.request
import warnings
from http.client import HTTPException
from urllib.parse import quote

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

# A person needs some pixels.
MIN_SIDE = 8
# Where Pillow takes an image for an attack: two thirds of a GB once it is decoded.
MAX_PIXELS = 2 * Image.MAX_IMAGE_PIXELS
# Of a file from the net, and how long its server may keep silent.
MAX_BYTES = 2**28
TIMEOUT = 30
# Pillow's other readers start programs (EPS), or are for what nobody shows; and not every
# build has all of these.
Image.init()
KNOWN = 'AVIF BMP DIB GIF ICO JPEG JPEG2000 PCX PNG PPM SGI TGA TIFF WEBP'
FORMATS = [name for name in KNOWN.split() if name in Image.OPEN]
# How files start that OpenCV reads and Pillow does not.
RARE = (b'II*\0', b'MM\0*')


class SizeError(ValueError):
    """An image is too small or too large."""


def read_image(path: str | os.PathLike) -> np.ndarray:
    """Read an image: a file, or the address of one.

    Args:
        path (str | os.PathLike): File, or URL of http or https.

    Returns:
        np.ndarray: See :func:`decode_image`.

    Raises:
        OSError: If it cannot be read, or is no image.
        ValueError: If it is too small or too large.
    """
    path = os.fspath(path)
    if path.lower().startswith(('http://', 'https://')):
        return decode_image(_fetch(path), path)
    try:
        mode = os.stat(path).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            # It would keep whoever reads it waiting, or never end.
            raise OSError('it is a pipe or a device, not a file')
        with open(path, 'rb') as file:
            content = file.read()
    except OSError as error:
        raise OSError(f'Cannot read {path}: {error.strerror or error}.') from error
    return decode_image(content, path)


def decode_image(content: bytes, name: str) -> np.ndarray:
    """Decode an image.

    Images are turned as their camera says (EXIF), transparent ones put on white, and
    those of gray, palettes, CMYK or 16 bits converted. Of several frames the first counts.

    Args:
        content (bytes): The file.
        name (str): What to call it in errors.

    Returns:
        np.ndarray: BGR, uint8, H x W x 3; bit for bit what MMPose's ``LoadImage`` reads of
        a plain JPEG or PNG.

    Raises:
        OSError: If it is empty, broken off or no image.
        ValueError: If it is too small or too large.
    """
    if not content:
        raise OSError(f'{name} is empty.')
    try:
        with warnings.catch_warnings():
            # The limit is ours to check, and curious metadata do no harm.
            warnings.simplefilter('ignore')
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                check_size(image.width, image.height, name)
                image.load()
                image = ImageOps.exif_transpose(image)
                return as_bgr(_plain(image), name)
    except Image.DecompressionBombError as error:
        raise _too_large(name) from error
    except UnidentifiedImageError:
        return _decode_rare(content, name)
    except SizeError:
        raise
    except (OSError, SyntaxError, EOFError, ArithmeticError, ValueError) as error:
        reason = ' '.join(str(error).split())
        raise OSError(
            f'{name} is broken or broken off ({reason}); fetch or save it again.'
        ) from error


def as_bgr(image: np.ndarray, name: str) -> np.ndarray:
    """Bring an array into the form that MMPose's pipelines take.

    Args:
        image (np.ndarray): uint8 or uint16; gray, H x W or H x W x 1, BGR, H x W x 3, or
            BGR with alpha, H x W x 4, which is put on white.
        name (str): What to call it in errors.

    Returns:
        np.ndarray: BGR, uint8, H x W x 3.

    Raises:
        ValueError: If it is none of these, or too small or too large.
    """
    channels = image.shape[2:] or (1,)
    if image.ndim not in (2, 3) or channels[0] not in (1, 3, 4):
        raise ValueError(
            f'{name} has the shape {image.shape}; an image is H x W x 3, in BGR. Give '
            'several as a list.'
        )
    if image.dtype not in (np.uint8, np.uint16):
        raise ValueError(
            f'{name} holds {image.dtype}; give uint8 from 0 to 255, in the order BGR.'
        )
    check_size(image.shape[1], image.shape[0], name)
    if image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    if channels[0] == 1:
        image = image.reshape(image.shape[:2])  # H, W
        return np.repeat(image[..., None], 3, 2)
    if channels[0] == 4:
        # By rows, as a whole image of larger numbers would take many times its size.
        image = np.stack([_on_white(row) for row in image])
    return np.ascontiguousarray(image)


def check_size(width: int, height: int, name: str) -> None:
    """Check that an image can hold a person and fits into memory.

    Args:
        width (int): In pixels.
        height (int): In pixels.
        name (str): What to call it in the error.

    Raises:
        ValueError: If it is too small or too large.
    """
    if min(width, height) < MIN_SIDE:
        raise SizeError(
            f'{name} is {width} x {height} pixels; a picture of a person needs at least '
            f'{MIN_SIDE} x {MIN_SIDE}.'
        )
    if width * height > MAX_PIXELS:
        raise _too_large(name)


def _on_white(row: np.ndarray) -> np.ndarray:
    """Put a row of pixels with alpha, W x 4, on white."""
    alpha = row[:, 3:] / 255.0
    return np.rint(row[:, :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)


def _too_large(name: str) -> SizeError:
    return SizeError(
        f'{name} has more than {MAX_PIXELS // 10**6} million pixels; scale it down first.'
    )


def _plain(image: Image.Image) -> np.ndarray:
    """Convert any mode of Pillow to what :func:`as_bgr` takes."""
    if image.mode.startswith('I') or image.mode == 'F':
        values = np.asarray(image)  # H, W
        # Grays of 16 bits, or of a range that nobody tells.
        low, high = values.min(), values.max()
        if image.mode.startswith('I') and low >= 0 and high < 2**16:
            low, high = 0, 2**16 - 1
        factor = 255 / max(float(high) - float(low), 1e-12)
        # By rows, as above.
        return np.stack(
            [np.rint((row - float(low)) * factor) for row in values],
            dtype=np.uint8,
            casting='unsafe',
        )
    if image.has_transparency_data:
        return np.asarray(image.convert('RGBA'))[..., [2, 1, 0, 3]]
    return np.asarray(image.convert('RGB'))[..., ::-1]


def _decode_rare(content: bytes, name: str) -> np.ndarray:
    """Decode what Pillow does not know but OpenCV may, such as TIFFs of 16 bits."""
    if not content.startswith(RARE):
        raise OSError(f'{name} is no image that can be read; give a JPEG or PNG.')
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise OSError(f'{name} cannot be decoded ({error.err}).') from error
    if image is None:
        raise OSError(f'{name} is no image that can be read; give a JPEG or PNG.')
    return as_bgr(image, name)


def _fetch(url: str) -> bytes:
    """Fetch a file from the net."""
    try:
        quoted = quote(url, safe=string.punctuation)
        with urllib.request.urlopen(quoted, timeout=TIMEOUT) as answer:
            content = answer.read(MAX_BYTES + 1)
    except (OSError, ValueError, HTTPException) as error:
        reason = getattr(error, 'reason', None) or error
        raise OSError(f'Cannot fetch {url}: {reason}.') from error
    if len(content) > MAX_BYTES:
        raise OSError(f'{url} is larger than {MAX_BYTES >> 20} MiB.')
    return content
