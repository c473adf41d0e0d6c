"""Files, folders, globs, URLs, videos and arrays become one list of images."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.test_apis.conftest import write_video
from vlpose_mm.apis.inputs import find_items

IMAGE = np.full((32, 24, 3), 128, np.uint8)
URL = 'https://museum.example/images/a.jpg?size=full'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Images, and what is not one."""
    names = 'one/a.jpg two/a.jpg two/b.png scan[1].png .hidden/d.jpg .e.jpg sketch/c.jpg'
    for name in names.split():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        assert cv2.imwrite(str(tmp_path / name), IMAGE)
    (tmp_path / 'notes.txt').write_text('x')
    (tmp_path / 'empty').mkdir()
    return tmp_path


@pytest.mark.parametrize(
    'inputs, expected',
    [
        ('', ['scan[1].png', 'one/a.jpg', 'sketch/c.jpg', 'two/a.jpg', 'two/b.png']),
        ('sketch/c.jpg', ['c.jpg']),
        ('*/a.jpg', ['one/a.jpg', 'two/a.jpg']),
        ('**/*.png', ['scan[1].png', 'two/b.png']),
        ('t*', ['two/a.jpg', 'two/b.png']),
        # A file whose name looks like a glob.
        ('scan[1].png', ['scan[1].png']),
        (
            ['one/a.jpg', 'two', 'one/a.jpg'],
            ['one/a.jpg', 'two/a.jpg', 'two/b.png', 'one/a.jpg (2)'],
        ),
    ],
)
def test_files_are_listed_by_name_and_no_two_names_are_the_same(
    folder: Path, inputs: str | list[str], expected: list[str]
) -> None:
    is_one = isinstance(inputs, str)
    found = f'{folder}/{inputs}' if is_one else [folder / each for each in inputs]
    items, _ = find_items(found)
    assert [item.name for item in items] == expected


def test_what_is_neither_image_nor_video_is_named(folder) -> None:
    (folder / 'two/logo.svg').write_text('<svg/>')
    items, skipped = find_items([str(folder), IMAGE])
    assert len(items) == 6 and skipped == ['notes.txt', 'two/logo.svg']
    (folder / 'empty/notes.txt').write_text('x')
    for place, message in (
        ('empty', r'empty holds no images and no videos, but 1 file \(notes.txt\) that'),
        ('*.txt', r'\*.txt matches no image and no video, but 1 file \(notes.txt\) that'),
    ):
        with pytest.raises(ValueError, match=message):
            find_items(str(folder / place))
    # A file by itself is tried.
    (item,), _ = find_items(folder / 'notes.txt')
    with pytest.raises(OSError, match='notes.txt is not a readable image'):
        next(item.sources()).read()


def test_content_decides_between_an_image_and_a_video(tmp_path) -> None:
    write_video(tmp_path / 'clip.mp4', [IMAGE] * 3).rename(tmp_path / 'clip.jpg')
    assert cv2.imwrite(str(tmp_path / 'image.png'), IMAGE)
    (tmp_path / 'image.png').rename(tmp_path / 'image.mkv')
    clip, image = find_items(tmp_path)[0]
    assert len(list(clip.sources())) == clip.count() == 3
    (source,) = image.sources()
    assert (source.read() == IMAGE).all() and source.video is None


def test_an_input_keeps_its_path_its_order_and_what_it_overrides(folder) -> None:
    own = dict(image=folder / 'sketch/c.jpg', scenario='mural', bboxes=[[0, 0, 9, 9]])
    (array, url, webcam, item), _ = find_items([IMAGE, URL, 'webcam:7', own])
    assert [array.name, url.name, item.name] == ['000000.jpg', URL, 'c.jpg']
    assert not url.is_video and webcam.place == 7 and webcam.is_video
    assert item.overrides == dict(scenario='mural', bboxes=[[0, 0, 9, 9]])
    (source,) = item.sources()
    assert source.name == 'c.jpg' and source.path == str(folder / 'sketch/c.jpg')
    assert np.abs(source.read().astype(int) - IMAGE).max() <= 2
    # A missing file of a list fails alone, when it is read.
    (there, missing), _ = find_items([folder / 'one/a.jpg', folder / 'missing.jpg'])
    assert next(there.sources()).read().shape == IMAGE.shape
    with pytest.raises(OSError, match='Cannot read .*missing.jpg: No such file'):
        next(missing.sources()).read()


@pytest.mark.parametrize(
    'inputs, kind, message',
    [
        ('nowhere.jpg', FileNotFoundError, 'no file or folder nowhere.jpg'),
        ('nowhere/*.jpg', ValueError, r'No file matches nowhere/\*.jpg'),
        ('empty', ValueError, 'holds no images and no videos'),
        ([], ValueError, 'The list of images is empty'),
        ('', ValueError, 'blank'),
        (None, TypeError, 'An input is a path, a URL'),
        ([True], TypeError, 'got True'),
        (dict(image='a.jpg', caption='x'), ValueError, "'caption' is unknown"),
        (dict(scenario='mural'), ValueError, "'image' is missing"),
    ],
)
def test_other_inputs_are_refused(inputs, kind, message, folder, monkeypatch) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(kind, match=message):
        find_items(inputs)


def test_a_video_gives_its_frames_in_order(tmp_path) -> None:
    frames = [np.full((48, 64, 3), 20 * number, np.uint8) for number in range(12)]
    (item,), _ = find_items(write_video(tmp_path / 'clip.mp4', frames))
    sources = list(item.sources())
    names = [source.name for source in sources]
    assert names == [f'clip.mp4#{number:06}' for number in range(12)] and item.count() == 12
    brightness = [source.read().mean() for source in sources]
    assert brightness == sorted(brightness)
    assert sources[3].video.fps == 12.0 and sources[3].frame == 3


def test_a_video_that_breaks_off_gives_its_frames_and_then_fails(tmp_path) -> None:
    frames = [np.full((48, 64, 3), number, np.uint8) for number in range(120)]
    path = write_video(tmp_path / 'clip.mp4', frames)
    content = path.read_bytes()
    index, media = content.rindex(b'moov') - 4, content.index(b'mdat') - 4
    length = int.from_bytes(content[media : media + 4], 'big')
    assert media + length == index
    # Frames of the second half are overwritten as if the disk had been full.
    broken = bytearray(content)
    broken[media + length // 2 : index] = bytes(index - media - length // 2)
    path.write_bytes(broken)
    *frames, last = find_items(path)[0][0].sources()
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
    (item,), _ = find_items(place)
    assert item.count() == (None if place == 77 else 1)
    (source,) = item.sources()
    with pytest.raises(OSError, match=message):
        source.read()
