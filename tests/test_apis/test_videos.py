"""Videos are read upright, with their frames and their times."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.test_apis.conftest import set_matrix, write_clip, write_video
from vlpose_mm.apis.display_matrix import read_display_matrix
from vlpose_mm.apis.videos import open_video

# A white corner.
IMAGE = np.zeros((48, 64, 3), np.uint8)
IMAGE[:16, :16] = 255
# Display matrix -> upright image: turned clockwise by 0, 90, 180 and 270 degrees, then the
# same of the mirrored one.
UPRIGHT = {
    (1, 0, 0, 1): IMAGE,
    (0, 1, -1, 0): np.rot90(IMAGE, -1),
    (-1, 0, 0, -1): np.rot90(IMAGE, 2),
    (0, -1, 1, 0): np.rot90(IMAGE),
    (-1, 0, 0, 1): IMAGE[:, ::-1],
    (1, 0, 0, -1): IMAGE[::-1],
    (0, 1, 1, 0): IMAGE.swapaxes(0, 1),
    (0, -1, -1, 0): np.rot90(IMAGE, 2).swapaxes(0, 1),
}


def frames_of(path: Path) -> list[np.ndarray]:
    _, frames = open_video(str(path), path.name)
    return [frame.image for frame in frames]


def is_close(image: np.ndarray, other: np.ndarray) -> bool:
    return np.abs(image.astype(int) - other).mean() < 3


@pytest.mark.parametrize('suffix', ['mp4', 'mov', 'm4v', '3gp'])
@pytest.mark.parametrize('matrix', UPRIGHT)
def test_frames_are_upright(matrix: tuple[int, ...], suffix: str, tmp_path: Path) -> None:
    path = write_video(tmp_path / f'clip.{suffix}', [IMAGE] * 3)
    set_matrix(path, matrix)
    frames = frames_of(path)
    assert len(frames) == 3
    for frame in frames:
        expected = UPRIGHT[matrix]
        assert frame.shape == expected.shape and is_close(frame, expected)
        assert frame.flags.c_contiguous


def test_the_whole_movie_may_be_turned_as_well(tmp_path) -> None:
    path = write_video(tmp_path / 'clip.mp4', [IMAGE])
    set_matrix(path, (0, 1, -1, 0))
    set_matrix(path, (-1, 0, 0, 1), b'mvhd')
    (frame,) = frames_of(path)
    assert is_close(frame, np.rot90(IMAGE, -1)[:, ::-1])


def test_the_matrix_is_found_behind_sound_and_in_large_files(tmp_path) -> None:
    path = write_video(tmp_path / 'clip.mp4', [IMAGE])
    set_matrix(path, (0, 1, -1, 0))
    content = path.read_bytes()
    start = content.rindex(b'trak') - 4
    video = content[start : start + int.from_bytes(content[start : start + 4], 'big')]
    # Another track in front of it, as lying as the frames are stored.
    sound = bytearray(video.replace(b'vide', b'soun'))
    place = sound.index(b'tkhd') + 44
    sound[place : place + 20] = np.array([1, 0, 0, 0, 1], '>i4').byteswap().tobytes()
    size = int.from_bytes(content[content.rindex(b'moov') - 4 :][:4], 'big')
    moov = content[content.rindex(b'moov') + 4 : start] + bytes(sound) + content[start:]
    header = (size + len(sound)).to_bytes(4, 'big') + b'moov'
    front = content[: content.rindex(b'moov') - 4]
    # A box of a size of 64 bits in front.
    free = (1).to_bytes(4, 'big') + b'free' + (16).to_bytes(8, 'big')
    path.write_bytes(free + front + header + moov)
    assert read_display_matrix(str(path)).tolist() == [[0, 1], [-1, 0]]


def test_other_containers_and_cut_files_have_no_matrix(tmp_path) -> None:
    avi = write_video(tmp_path / 'clip.avi', [IMAGE] * 3, codec='MJPG')
    assert read_display_matrix(str(avi)) is None
    assert is_close(frames_of(avi)[0], IMAGE)
    path = write_video(tmp_path / 'clip.mp4', [IMAGE] * 3)
    content = path.read_bytes()
    for length in range(0, len(content) - 200, 97):
        path.write_bytes(content[:length])
        assert read_display_matrix(str(path)) is None


def test_a_video_of_uneven_rate_is_whole_if_it_lasts_as_long(tmp_path) -> None:
    path = write_video(tmp_path / 'clip.webm', [IMAGE] * 100, 25, codec='VP80')
    content = bytearray(path.read_bytes())
    # WebM does not count frames. Every second one of the second half becomes a gap.
    for place in frames_of_webm(content)[51::2]:
        content[place] = 0xEC
    path.write_bytes(content)
    assert cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FRAME_COUNT) == 100
    assert len(frames_of(path)) == 75
    # Without its end it is cut.
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(OSError, match='clip.webm breaks off after'):
        frames_of(path)


def frames_of_webm(content: bytes) -> list[int]:
    """Return where the frames of a WebM of one cluster begin."""
    place = content.index(b'\xa3', content.index(b'\x1f\x43\xb6\x75'))
    places = []
    while content[place] == 0xA3:
        places.append(place)
        size = content[place + 1]
        if size & 0x80:
            place += 2 + (size & 0x7F)
        else:
            place += 3 + ((size & 0x3F) << 8) + content[place + 2]
    return places


def timestamps_of(path: Path) -> list[float]:
    _, frames = open_video(str(path), path.name)
    return [frame.timestamp for frame in frames]


def test_frames_have_their_own_times(tmp_path) -> None:
    path = write_video(tmp_path / 'clip.mp4', [IMAGE] * 4, 12.5)
    assert timestamps_of(path) == pytest.approx([0, 0.08, 0.16, 0.24])
    path = write_video(tmp_path / 'clip.webm', [IMAGE] * 100, 25, codec='VP80')
    content = bytearray(path.read_bytes())
    for place in frames_of_webm(content)[51::2]:
        content[place] = 0xEC
    path.write_bytes(content)
    expected = [index / 25 for index in (*range(51), *range(52, 100, 2))]
    assert timestamps_of(path) == pytest.approx(expected)


def test_a_video_that_begins_later_than_its_audio_is_whole(tmp_path) -> None:
    path = write_clip(tmp_path / 'clip.mkv', [frame / 25 for frame in range(25)], 0.5)
    assert cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FRAME_COUNT) > 30
    assert timestamps_of(path) == pytest.approx([frame / 25 for frame in range(25)])


def test_a_stream_without_times_is_taken_as_even(tmp_path, monkeypatch) -> None:
    path = write_video(tmp_path / 'clip.mp4', [IMAGE] * 3, 25)

    class Timeless:
        def __init__(self, place: str) -> None:
            self.file = capture(place)

        def __getattr__(self, name: str) -> object:
            return getattr(self.file, name)

        def get(self, key: int) -> float:
            return -1.0 if key == cv2.CAP_PROP_POS_MSEC else self.file.get(key)

    capture = cv2.VideoCapture
    monkeypatch.setattr(cv2, 'VideoCapture', Timeless)
    assert timestamps_of(path) == pytest.approx([0, 0.04, 0.08])
