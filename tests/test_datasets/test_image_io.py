"""Any image becomes uint8 BGR, or an error says why it cannot."""

import io
import os
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
GRAYS = np.dstack([RAMP] * 3)
WHITE = np.full_like(COLORS, 255)
RED = Image.new('RGB', (30, 40), (200, 30, 40)).convert('CMYK')
ROTATE = Image.Exif()
ROTATE[0x0112] = 6  # by 90 degrees


def encode(image: Image.Image | np.ndarray, suffix: str = 'PNG', **options) -> bytes:
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    buffer = io.BytesIO()
    image.save(buffer, suffix, **options)
    return buffer.getvalue()


def test_a_jpeg_equals_that_of_mmpose(tmp_path: Path) -> None:
    path = tmp_path / 'a.jpg'
    path.write_bytes(encode(COLORS, 'JPEG'))
    theirs = LoadImage()(dict(img_path=str(path)))['img']
    assert np.array_equal(read_image(path), theirs)


@pytest.mark.parametrize(
    ('content', 'expected', 'tolerance'),
    [
        (encode(COLORS), COLORS, 0),
        (encode(COLORS, exif=ROTATE), np.rot90(COLORS, -1), 0),
        (encode(RAMP), GRAYS, 0),
        # These grays do not span the whole range.
        (encode(RAMP.astype(np.uint16) * 128), GRAYS // 2, 2),
        (cv2.imencode('.tiff', COLORS[..., ::-1].astype(np.uint16) * 257)[1], COLORS, 2),
        (encode(Image.fromarray(COLORS).convert('CMYK'), 'TIFF'), COLORS, 2),
        (encode(RED, 'JPEG'), np.full_like(COLORS, (200, 30, 40)), 50),
        (encode(Image.fromarray(COLORS).convert('RGBA')), COLORS, 2),
        (encode(Image.new('RGBA', (30, 40), (0, 0, 0, 0))), WHITE, 0),
        (encode(Image.new('P', (30, 40), 3), 'GIF', transparency=3), WHITE, 0),
        (encode(RAMP.astype(np.float32), 'TIFF'), GRAYS, 2),
    ],
    ids='rgb exif gray gray16 rgb16 cmyk jpeg-cmyk alpha clear palette float'.split(),
)
def test_every_mode_becomes_bgr(
    content: bytes, expected: np.ndarray, tolerance: int
) -> None:
    found = decode_image(bytes(content), 'an image')
    assert found.dtype == np.uint8 and found.flags.c_contiguous
    assert np.abs(found[..., ::-1].astype(int) - expected).max() <= tolerance


@pytest.mark.parametrize(
    ('content', 'error', 'message'),
    [
        (b'', OSError, 'scan.jpg is empty'),
        (b'This is a letter.', OSError, 'scan.jpg is not a readable image'),
        (encode(COLORS, 'JPEG')[:-20], OSError, r'broken or truncated \(.*[Tt]runcated'),
        (encode(COLORS)[:-200], OSError, 'broken or truncated'),
        (encode(COLORS[:1, :1]), ValueError, 'scan.jpg is 1 x 1 pixels'),
        # Refused before it is decoded.
        (
            encode(Image.new('1', (13500, 13500))),
            ValueError,
            'more than 178 million pixels; scale it down',
        ),
    ],
    ids='empty letter half-JPEG half-PNG small large'.split(),
)
def test_refuses_broken_small_and_large_files_by_name(
    content: bytes, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        decode_image(content, 'scan.jpg')


@pytest.mark.parametrize('kind', ['GIF', 'PNG', 'TIFF', 'WEBP'])
def test_the_first_frame_of_an_animation_is_read(kind: str) -> None:
    red, *others = (Image.new('RGB', (30, 40), name) for name in ('red', 'lime', 'blue'))
    content = encode(red, kind, save_all=True, append_images=others)
    with Image.open(io.BytesIO(content)) as image:
        assert image.n_frames == 3
    found = decode_image(content, 'an animation').astype(int)
    assert np.abs(found - (0, 0, 255)).max() <= 2


def test_a_video_is_called_one() -> None:
    content = b'\0\0\0\x1cftypisom' + bytes(100)
    with pytest.raises(OSError, match='clip.jpg is a video; give an image'):
        decode_image(content, 'clip.jpg')


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
    for array in (image, image.astype(np.uint16) * 257):
        assert np.array_equal(as_bgr(array, 'a'), np.full((9, 9, 3), 255))


@pytest.mark.parametrize(
    ('image', 'message'),
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
