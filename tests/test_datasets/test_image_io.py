"""Any image becomes uint8 BGR, or an error says why it cannot."""

import io
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmpose.datasets.transforms import LoadImage
from PIL import Image

from vlpose_mm.datasets.image_io import as_bgr, decode_image, read_image

RAMP = np.linspace(0, 255, 40 * 30).reshape(40, 30).astype(np.uint8)
# H, W, 3: RGB.
COLORS = np.dstack([RAMP, RAMP[::-1], np.full_like(RAMP, 60)])


def encode(image: Image.Image, suffix: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, suffix, **options)
    return buffer.getvalue()


def test_a_jpeg_equals_that_of_mmpose(tmp_path: Path) -> None:
    path = tmp_path / 'a.jpg'
    path.write_bytes(encode(Image.fromarray(COLORS), 'JPEG'))
    theirs = LoadImage()(dict(img_path=str(path)))['img']
    assert np.array_equal(read_image(path), theirs)


@pytest.mark.parametrize(
    'content, expected',
    [
        (lambda: encode(Image.fromarray(COLORS), 'PNG'), COLORS),
        (lambda: encode(Image.fromarray(RAMP), 'PNG'), np.dstack([RAMP] * 3)),
        (
            # These grays do not span the whole range.
            lambda: encode(Image.fromarray(RAMP.astype(np.uint16) * 128), 'PNG'),
            np.dstack([RAMP // 2] * 3),
        ),
        (
            lambda: cv2.imencode('.tiff', COLORS[..., ::-1].astype(np.uint16) * 257)[1],
            COLORS,
        ),
        (lambda: encode(Image.fromarray(COLORS).convert('CMYK'), 'TIFF'), COLORS),
        (lambda: encode(Image.fromarray(COLORS).convert('RGBA'), 'PNG'), COLORS),
        (lambda: encode(Image.fromarray(RAMP.astype(np.float32)), 'TIFF'), [RAMP] * 3),
    ],
    ids=['rgb', 'gray', 'gray of 16 bits', 'rgb of 16 bits', 'cmyk', 'alpha', 'float'],
)
def test_every_mode_becomes_bgr(content: Callable, expected: np.ndarray | list) -> None:
    expected = np.dstack(expected) if isinstance(expected, list) else expected
    found = decode_image(bytes(content()), 'an image')
    assert found.dtype == np.uint8 and found.flags.c_contiguous
    assert np.abs(found[..., ::-1].astype(int) - expected).max() <= 2


def test_a_cmyk_jpeg_keeps_its_colors() -> None:
    content = encode(Image.new('RGB', (20, 20), (200, 30, 40)).convert('CMYK'), 'JPEG')
    blue, green, red = decode_image(content, 'an image')[10, 10]
    assert red > 150 > 100 > max(blue, green)


def test_transparency_becomes_white() -> None:
    clear = Image.new('RGBA', (20, 20), (0, 0, 0, 0))
    assert (decode_image(encode(clear, 'PNG'), 'an image') == 255).all()
    palette = Image.new('P', (20, 20), 3)
    content = encode(palette, 'GIF', transparency=3)
    assert (decode_image(content, 'an image') == 255).all()


def test_the_exif_orientation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees
    content = encode(Image.fromarray(COLORS), 'PNG', exif=exif)
    expected = np.rot90(COLORS, -1)[..., ::-1]
    assert np.array_equal(decode_image(content, 'an image'), expected)


@pytest.mark.parametrize(
    'content, message',
    [
        (b'', 'scan.jpg is empty'),
        (b'This is a letter.', 'scan.jpg is not a readable image'),
        (
            encode(Image.fromarray(COLORS), 'JPEG')[:-20],
            r'broken or truncated \(.*[Tt]runcated',
        ),
        (encode(Image.fromarray(COLORS), 'PNG')[:-200], 'broken or truncated'),
    ],
    ids=['empty', 'a letter', 'half a JPEG', 'half a PNG'],
)
def test_refuses_broken_files_by_name(content: bytes, message: str) -> None:
    with pytest.raises(OSError, match=message):
        decode_image(content, 'scan.jpg')


@pytest.mark.parametrize(
    ('mode', 'side', 'message'),
    [
        ('RGB', 1, 'scan.png is 1 x 1 pixels'),
        # Refused before it is decoded.
        ('1', 30000, 'more than 178 million pixels; scale it down'),
    ],
)
def test_refuses_too_small_and_too_large_images(mode: str, side: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode_image(encode(Image.new(mode, (side, side)), 'PNG'), 'scan.png')


def test_names_what_cannot_be_opened_or_downloaded(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / 'pipe.jpg')
    for path, message in (
        ('none.jpg', 'Cannot read none.jpg'),
        ('.', 'Cannot read .'),
        (f'{tmp_path}/pipe.jpg', 'pipe.jpg: it is a pipe or a device, not a file'),
        ('/dev/null', 'null: it is a pipe or a device, not a file'),
        ('http://127.0.0.1:9/a.jpg', 'download http://127.0.0.1:9/a.jpg: .*refused'),
    ):
        with pytest.raises(OSError, match=message):
            read_image(path)


@pytest.mark.parametrize('shape', [(9, 9), (9, 9, 1), (9, 9, 3), (9, 9, 4)])
def test_arrays_of_1_3_or_4_channels_become_bgr(shape: tuple[int, ...]) -> None:
    image = np.full(shape, 255, np.uint8)
    assert np.array_equal(as_bgr(image, 'a'), np.full((9, 9, 3), 255))
    wide = as_bgr(image.astype(np.uint16) * 257, 'a')
    assert np.array_equal(wide, as_bgr(image, 'a'))


@pytest.mark.parametrize(
    'image, message',
    [
        (np.zeros((2, 9, 9, 3), np.uint8), 'Pass several as a list'),
        (np.zeros((9, 9, 2), np.uint8), r'shape \(9, 9, 2\)'),
        (np.zeros((9, 9, 3), np.float32), 'is float32; pass uint8'),
        (np.zeros((0, 9, 3), np.uint8), '9 x 0 pixels'),
    ],
)
def test_refuses_other_arrays(image: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_bgr(image, 'array_000000')
