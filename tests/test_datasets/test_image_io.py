"""Any image becomes BGR of eight bits, or one text prompt says why it cannot."""

import io
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmpose.datasets.transforms import LoadImage
from PIL import Image

from vlpose_mm.datasets.image_io import MAX_PIXELS, as_bgr, decode_image, read_image

RAMP = np.linspace(0, 255, 40 * 30).reshape(40, 30).astype(np.uint8)
# H, W, 3: RGB.
COLORS = np.dstack([RAMP, RAMP[::-1], np.full_like(RAMP, 60)])


def encode(image: Image.Image, suffix: str, **options) -> bytes:
    """A file of Pillow's."""
    buffer = io.BytesIO()
    image.save(buffer, suffix, **options)
    return buffer.getvalue()


def test_a_jpeg_is_read_bit_for_bit_as_mmpose_reads_it(tmp_path: Path) -> None:
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
            # The lowest and the highest of these grays are no whole range.
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


def test_what_is_transparent_is_white() -> None:
    clear = Image.new('RGBA', (20, 20), (0, 0, 0, 0))
    assert (decode_image(encode(clear, 'PNG'), 'an image') == 255).all()
    palette = Image.new('P', (20, 20), 3)
    content = encode(palette, 'GIF', transparency=3)
    assert (decode_image(content, 'an image') == 255).all()


def test_a_image_is_turned_as_its_camera_says() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # The camera was held upright.
    content = encode(Image.fromarray(COLORS), 'PNG', exif=exif)
    expected = np.rot90(COLORS, -1)[..., ::-1]
    assert np.array_equal(decode_image(content, 'an image'), expected)


@pytest.mark.parametrize(
    'content, message',
    [
        (b'', 'scan.jpg is empty'),
        (b'This is a letter.', 'scan.jpg is no image that can be read'),
        (
            encode(Image.fromarray(COLORS), 'JPEG')[:-20],
            'broken or broken off .*[Tt]runcated',
        ),
        (encode(Image.fromarray(COLORS), 'PNG')[:-200], 'broken or broken off'),
    ],
    ids=['empty', 'a letter', 'half a JPEG', 'half a PNG'],
)
def test_what_is_no_whole_image_is_named(content: bytes, message: str) -> None:
    with pytest.raises(OSError, match=message):
        decode_image(content, 'scan.jpg')


def test_a_image_of_one_pixel_is_refused() -> None:
    with pytest.raises(ValueError, match='scan.png is 1 x 1 pixels'):
        decode_image(encode(Image.new('RGB', (1, 1)), 'PNG'), 'scan.png')


def test_a_image_of_30000_x_30000_pixels_is_refused_before_it_is_decoded() -> None:
    content = encode(Image.new('1', (30000, 30000)), 'PNG')
    with pytest.raises(ValueError, match='more than 178 million pixels; scale it down'):
        decode_image(content, 'scan.png')
    assert 30000**2 > MAX_PIXELS


@pytest.mark.parametrize('path', ['none.jpg', '.'])
def test_a_file_that_cannot_be_opened_is_named(path: str) -> None:
    with pytest.raises(OSError, match=f'Cannot read {path}'):
        read_image(path)


def test_a_pipe_keeps_nobody_waiting_and_a_device_fills_no_memory(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / 'a.jpg')
    for path in (str(tmp_path / 'a.jpg'), '/dev/null'):
        with pytest.raises(OSError, match=f'{path}: it is a pipe or a device, not a file'):
            read_image(path)


def test_an_address_that_does_not_answer_is_named() -> None:
    with pytest.raises(OSError, match='Cannot fetch http://127.0.0.1:9/a.jpg: .*refused'):
        read_image('http://127.0.0.1:9/a.jpg')


@pytest.mark.parametrize('shape', [(9, 9), (9, 9, 1), (9, 9, 3), (9, 9, 4)])
def test_arrays_of_any_channels_become_bgr(shape: tuple[int, ...]) -> None:
    image = np.full(shape, 255, np.uint8)
    assert np.array_equal(as_bgr(image, 'a'), np.full((9, 9, 3), 255))
    wide = as_bgr(image.astype(np.uint16) * 257, 'a')
    assert np.array_equal(wide, as_bgr(image, 'a'))


@pytest.mark.parametrize(
    'image, message',
    [
        (np.zeros((2, 9, 9, 3), np.uint8), 'Give several as a list'),
        (np.zeros((9, 9, 2), np.uint8), r'shape \(9, 9, 2\)'),
        (np.zeros((9, 9, 3), np.float32), 'holds float32; give uint8'),
        (np.zeros((0, 9, 3), np.uint8), '9 x 0 pixels'),
    ],
)
def test_other_arrays_are_refused(image: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_bgr(image, 'array_000000')
