"""Frames of videos and webcams."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from vlpose_mm.apis.inputs import find_items


@pytest.fixture
def make_video(tmp_path: Path) -> Callable:
    """Write a video whose frames get brighter."""

    def make(count: int = 12) -> Path:
        path = tmp_path / 'clip.mp4'
        code = cv2.VideoWriter_fourcc(*'mp4v')
        writer = cv2.VideoWriter(str(path), code, 12.0, (64, 48))
        for number in range(count):
            writer.write(np.full((48, 64, 3), 20 * number, np.uint8))
        writer.release()
        return path

    return make


def test_a_video_gives_its_frames_in_order(make_video: Callable) -> None:
    (item,) = find_items(make_video())
    assert item.count() == 12
    sources = list(item.sources())
    assert [source.name for source in sources[:2]] == ['clip.mp4#000000', 'clip.mp4#000001']
    brightness = [source.read().mean() for source in sources]
    assert brightness == sorted(brightness) and len(sources) == 12
    assert sources[3].video.fps == 12.0 and sources[3].frame == 3


def test_a_video_that_breaks_off_gives_its_frames_and_then_fails(
    make_video: Callable,
) -> None:
    path = make_video(120)
    content = path.read_bytes()
    # The index goes first, so that what is left of the frames can be found.
    index = content.rindex(b'moov') - 4
    media = content.index(b'mdat') - 4
    length = int.from_bytes(content[media : media + 4], 'big')
    assert media + length == index
    broken = bytearray(content)
    # Frames of the second half are overwritten as if the disk had been full.
    broken[media + length // 2 : index] = bytes(index - media - length // 2)
    path.write_bytes(broken)
    *frames, last = find_items(path)[0].sources()
    assert 0 < len(frames) < 120
    with pytest.raises(OSError, match=f'clip.mp4 breaks off after {len(frames)} of 120'):
        last.read()


@pytest.mark.parametrize(
    'place, message',
    [
        ('clip.mp4', 'clip.mp4 is not a video that can be read; give an MP4 in H.264.$'),
        ('http://127.0.0.1:9/clip.mp4', 'Or download it, and give the file.$'),
        (77, 'The webcam 77 cannot be opened'),
    ],
)
def test_a_video_without_frames_fails(place, message, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path('clip.mp4').write_bytes(b'not a film')
    (item,) = find_items(place)
    assert item.count() == (None if place == 77 else 1)
    (source,) = item.sources()
    with pytest.raises(OSError, match=message):
        source.read()


def test_a_webcam_may_be_named_as_mmpose_names_it() -> None:
    assert find_items('webcam:7')[0].place == 7
