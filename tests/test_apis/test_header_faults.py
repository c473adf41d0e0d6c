"""Generated headers of images and videos give an image, or one clear error."""

import io
import struct
import tempfile
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.generated import examples
from tests.test_apis.conftest import set_matrix, write_video
from tests.test_apis.test_videos import UPRIGHT
from vlpose_mm.apis.display_matrix import read_display_matrix, upright
from vlpose_mm.apis.inputs import find_items
from vlpose_mm.apis.video_writer import OpenCVEncoder
from vlpose_mm.apis.videos import Video
from vlpose_mm.datasets.image_io import decode_image

SETTINGS = examples(100)
FORMATS = 'BMP GIF ICO JPEG JPEG2000 PCX PNG PPM TGA TIFF WEBP'.split()
# Where to write, and what.
DAMAGE = st.lists(
    st.tuples(st.integers(0, 99), st.binary(min_size=1, max_size=4)), max_size=3
)
NOISE = np.random.default_rng(0).integers(0, 256, (24, 20, 3), np.uint8)


@cache
def image_content(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(NOISE).save(buffer, kind)
    return buffer.getvalue()


@cache
def video_content() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = write_video(Path(folder, 'a.mp4'), [np.tile(NOISE, (2, 2, 1))] * 3)
        content = path.read_bytes()
    # The header, which is at the end, and media.
    assert content.rindex(b'moov') > content.index(b'mdat')
    return content


def damaged(content: bytes, damage: list[tuple[int, bytes]], length: int) -> bytes:
    content = bytearray(content)
    for place, value in damage:
        content[place : place + len(value)] = value
    return bytes(content[: len(content) - length])


@pytest.mark.parametrize('kind', FORMATS)
@examples(50)
@given(damage=DAMAGE, length=st.integers(0, 40))
def test_a_damaged_image_is_read_or_refused_by_name(kind, damage, length) -> None:
    content = damaged(image_content(kind), damage, length)
    try:
        image = decode_image(content, 'scan')
    except (OSError, ValueError) as error:
        assert 'scan' in str(error) and '\n' not in str(error)
    else:
        assert image.dtype == np.uint8 and image.shape[2:] == (3,)


@SETTINGS
@given(damage=DAMAGE, length=st.integers(0, 40))
def test_a_damaged_video_is_read_or_refused_by_name(damage, length) -> None:
    content = video_content()
    start = content.rindex(b'moov') - 4
    header = damaged(content[start:] + bytes(40), damage, 40 + length)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'clip.mp4')
        path.write_bytes(content[:start] + header)
        (item,), _ = find_items(path)
        assert item.is_video
        sources = list(item.sources())
        for number, source in enumerate(sources):
            try:
                image = source.read()
            except (OSError, ValueError) as error:
                assert 'clip.mp4' in str(error)
                continue
            assert image.dtype == np.uint8 and source.frame == number
    assert sources


NUMBERS = st.integers(-(2**31), 2**31 - 1)


@SETTINGS
@given(st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS))
def test_any_matrix_gives_one_of_eight_orientations(numbers) -> None:
    matrix = np.reshape(numbers, (2, 2)) / 2**16
    image = np.zeros((48, 64, 3), np.uint8)
    image[:16, :16] = 255
    found = upright(image, matrix)
    assert any(np.array_equal(found, other) for other in UPRIGHT.values())


@SETTINGS
@given(
    st.sampled_from(list(UPRIGHT)),
    st.lists(
        st.tuples(
            st.sampled_from('tkhd mvhd trak moov hdlr free'.split()), st.binary(max_size=60)
        ),
        max_size=4,
    ),
)
def test_boxes_around_a_header_do_not_hide_its_matrix(matrix, boxes) -> None:
    front = b''.join(
        struct.pack('>I4s', len(content) + 8, b'free') + content for _, content in boxes
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'clip.mp4')
        path.write_bytes(video_content())
        set_matrix(path, matrix)
        path.write_bytes(front + path.read_bytes())
        a, b, c, d = matrix
        assert read_display_matrix(str(path)).tolist() == [[a, b], [c, d]]
        # Whatever they are, nothing else than no matrix.
        for name, content in boxes:
            box = struct.pack('>I4s', len(content) + 8, name.encode()) + content
            path.write_bytes(struct.pack('>I4s', len(box) + 8, b'moov') + box)
            assert read_display_matrix(str(path)) is None


@SETTINGS
@given(st.floats(0.05, 70000))
def test_any_frame_rate_is_kept_within_one_percent(fps: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        video = Video('clip.mp4', fps, is_live=False)
        encoder = OpenCVEncoder(f'{folder}/clip.mp4', video, (64, 48))
        encoder.write(np.zeros((48, 64, 3), np.uint8), 0.0)
        encoder.close()
        capture = cv2.VideoCapture(f'{folder}/clip.mp4')
        assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(fps, rel=0.01)
        assert capture.read()[0]
