"""Files, folders, globs, addresses, videos and arrays become one list of images."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from vlpose_mm.apis.inputs import Item, find_items, kind_of

IMAGE = np.full((32, 24, 3), 128, np.uint8)


def put(path: Path, *names: str) -> Path:
    """Write images."""
    for name in names:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path / name), IMAGE)
    return path


def names_of(items: list[Item]) -> list[str]:
    return [item.name for item in items]


def test_a_folder_gives_its_images_and_those_of_its_folders_by_name(tmp_path) -> None:
    put(tmp_path, 'b.png', 'a.jpg', 'sketch/c.jpg', '.hidden/d.jpg', '.e.jpg')
    (tmp_path / 'notes.txt').write_text('x')
    assert names_of(find_items(str(tmp_path))) == ['a.jpg', 'b.png', 'sketch/c.jpg']


def test_a_file_is_called_by_its_name_and_keeps_its_path(tmp_path) -> None:
    put(tmp_path, 'sketch/a.jpg')
    (item,) = find_items(tmp_path / 'sketch/a.jpg')
    (source,) = item.sources()
    assert source.name == 'a.jpg' and source.path == str(tmp_path / 'sketch/a.jpg')
    assert np.abs(source.read().astype(int) - IMAGE).max() <= 2


def test_a_glob_gives_what_matches(tmp_path) -> None:
    put(tmp_path, 'one/a.jpg', 'two/a.jpg', 'two/b.png')
    assert names_of(find_items(f'{tmp_path}/*/a.jpg')) == ['one/a.jpg', 'two/a.jpg']
    assert names_of(find_items(f'{tmp_path}/**/*.png')) == ['two/b.png']
    assert len(find_items(f'{tmp_path}/*')) == 3


def test_a_file_whose_name_looks_like_a_glob_is_a_file(tmp_path) -> None:
    put(tmp_path, 'scan[1].png')
    assert names_of(find_items(f'{tmp_path}/scan[1].png')) == ['scan[1].png']


def test_files_of_several_folders_are_told_apart(tmp_path) -> None:
    put(tmp_path, 'one/a.jpg', 'two/a.jpg')
    given = [tmp_path / 'one/a.jpg', tmp_path / 'two', tmp_path / 'one/a.jpg']
    assert names_of(find_items(given)) == ['one/a.jpg', 'two/a.jpg', 'one/a.jpg (2)']


def test_an_input_may_bring_words_and_boxes(tmp_path) -> None:
    put(tmp_path, 'a.jpg')
    given = dict(image=tmp_path / 'a.jpg', scenario='mural', boxes=[[0, 0, 9, 9]])
    (item,) = find_items([given])
    assert item.own == dict(scenario='mural', boxes=[[0, 0, 9, 9]])


def test_arrays_and_addresses_keep_their_order() -> None:
    address = 'https://museum.example/images/a.jpg?size=full'
    assert names_of(find_items([IMAGE, address])) == ['array_000000', address]
    assert kind_of(address) == 'image'


@pytest.mark.parametrize(
    'inputs, kind, message',
    [
        ('nowhere.jpg', FileNotFoundError, 'no file or folder nowhere.jpg'),
        ('nowhere/*.jpg', ValueError, r'No file matches nowhere/\*.jpg'),
        ([], ValueError, 'The list of images is empty'),
        ('', ValueError, 'blank'),
        (None, TypeError, 'An input is a path, an address'),
        ([True], TypeError, 'got True'),
        (dict(image='a.jpg', caption='x'), ValueError, "'caption' is unknown"),
        (dict(scenario='mural'), ValueError, "'image' is missing"),
    ],
)
def test_what_is_no_input_is_refused(inputs, kind: type, message: str) -> None:
    with pytest.raises(kind, match=message):
        find_items(inputs)


def test_a_folder_without_images_is_refused(tmp_path) -> None:
    with pytest.raises(ValueError, match='holds no images and no videos'):
        find_items(str(tmp_path))


def test_a_missing_file_of_a_list_fails_alone_when_it_is_read(tmp_path) -> None:
    put(tmp_path, 'a.jpg')
    there, gone = find_items([tmp_path / 'a.jpg', tmp_path / 'gone.jpg'])
    assert next(there.sources()).read().shape == IMAGE.shape
    with pytest.raises(OSError, match='Cannot read .*gone.jpg: No such file'):
        next(gone.sources()).read()


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


def test_a_video_that_breaks_off_gives_its_frames_and_then_says_so(
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


def test_a_file_that_is_no_video_is_named(tmp_path) -> None:
    path = tmp_path / 'clip.mp4'
    path.write_bytes(b'not a film')
    (item,) = find_items(path)
    assert item.count() == 1
    (source,) = item.sources()
    with pytest.raises(OSError, match='clip.mp4 is no video that can be read.*H.264.$'):
        source.read()


def test_a_video_whose_server_sends_nothing_is_better_fetched() -> None:
    (source,) = find_items('http://127.0.0.1:9/clip.mp4')[0].sources()
    with pytest.raises(OSError, match='Or fetch it, and give the file.'):
        source.read()


def test_a_webcam_that_is_not_there_is_named() -> None:
    assert find_items('webcam:7')[0].place == 7
    (source,) = find_items(77)[0].sources()
    with pytest.raises(OSError, match='The webcam 77 cannot be opened'):
        source.read()
