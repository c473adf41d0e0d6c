"""Files are known by their content, else by their extension, on every machine the same."""

import io
import mimetypes
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from vlpose_mm.local_files import find_files, kind_of, shown

IMAGES = 'AVIF BMP GIF JPEG JPEG2000 PNG TIFF WEBP'.split()
VIDEOS = dict(
    avi='MJPG', flv='FLV1', m2ts='mp4v', mkv='mp4v', mov='mp4v', mp4='mp4v', mpg='mp4v'
)
VIDEOS |= {'3gp': 'mp4v', 'm4v': 'mp4v', 'ts': 'mp4v', 'vob': 'mp4v', 'webm': 'VP80'}
VIDEOS |= dict(wmv='WMV2')
# What else is in people's folders.
OTHERS = {
    'text': b'A note about the folder.\n' * 40,
    'SVG': b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"></svg>\n',
    'JSON': b'{"images": []}',
    'PDF': b'%PDF-1.7\n',
    'ZIP': b'PK\3\4' + bytes(100),
    'PSD': b'8BPS\0\1' + bytes(100),
    'WAV': b'RIFF\x24\0\0\0WAVEfmt ',
    'M4A': b'\0\0\0\x1cftypM4A ' + bytes(50),
    'CR3': b'\0\0\0\x18ftypcrx ' + bytes(50),
    'words like names of boxes': b'The free skip of a wide moov',
    'BMW': b'BMW is a car maker.' + b' ' * 40,
    'empty': b'',
}


def image_content(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.new('RGB', (24, 32), 'red').save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture(scope='module')
def video_content(tmp_path_factory: pytest.TempPathFactory) -> Callable:
    """Return the content of a video by its extension."""
    folder = tmp_path_factory.mktemp('videos')

    def content(suffix: str) -> bytes:
        path = folder / f'clip.{suffix}'
        code = cv2.VideoWriter_fourcc(*VIDEOS[suffix])
        writer = cv2.VideoWriter(str(path), code, 25, (64, 48))
        for _ in range(3):
            writer.write(np.zeros((48, 64, 3), np.uint8))
        writer.release()
        return path.read_bytes()

    return content


def kind_as(content: bytes, name: str, folder: Path) -> str | None:
    """Return the kind of a file with a name."""
    (folder / name).write_bytes(content)
    return kind_of(str(folder / name))


@pytest.mark.parametrize('kind', IMAGES)
def test_an_image_is_one_under_any_name(kind: str, tmp_path: Path) -> None:
    content = image_content(kind)
    for name in ('a.jpg', 'a.PNG', 'a.mp4', 'a.txt', 'a.svg', 'a', 'a.m4a'):
        assert kind_as(content, name, tmp_path) == 'image'


@pytest.mark.parametrize('suffix', VIDEOS)
def test_a_video_is_one_under_any_name(suffix, video_content, tmp_path) -> None:
    content = video_content(suffix)
    for name in (f'a.{suffix}', f'a.{suffix.upper()}', 'a.jpg', 'a.gif', 'a.dat', 'a'):
        assert kind_as(content, name, tmp_path) == 'video'


@pytest.mark.parametrize('content', OTHERS.values(), ids=OTHERS)
def test_other_files_are_neither_unless_their_name_says_so(content, tmp_path) -> None:
    for name in ('a.txt', 'a.svg', 'a', '.a', 'a.ts', 'a.ogg', 'a.jpg.txt'):
        assert kind_as(content, name, tmp_path) is None
    # It should be one, and fails.
    assert kind_as(content, 'a.jpg', tmp_path) == 'image'
    assert kind_as(content, 'a.mp4', tmp_path) == 'video'


def test_raw_photos_and_sound_are_neither(video_content, tmp_path) -> None:
    # The former is a TIFF of a thumbnail.
    for content, name in (
        (image_content('TIFF'), 'a.dng'),
        (image_content('TIFF'), 'a.NEF'),
        (video_content('mkv'), 'a.mka'),
        (video_content('mp4'), 'a.m4a'),
    ):
        assert kind_as(content, name, tmp_path) is None


def test_places_that_cannot_be_read_go_by_their_names(tmp_path, monkeypatch) -> None:
    # A system without table of types.
    monkeypatch.setattr(mimetypes, 'guess_type', lambda *args, **kwargs: (None, None))
    os.mkfifo(tmp_path / 'pipe.jpg')
    os.symlink(tmp_path / 'nowhere', tmp_path / 'link.mkv')
    for place, kind in (
        (f'{tmp_path}/pipe.jpg', 'image'),
        (f'{tmp_path}/link.mkv', 'video'),
        (f'{tmp_path}/missing.WebP', 'image'),
        (f'{tmp_path}/missing.wmv', 'video'),
        (f'{tmp_path}/missing', None),
        ('https://museum.example/a.m4v?size=full#t=3', 'video'),
        ('https://museum.example/a.jpg?as=b.mp4', 'image'),
        ('https://museum.example/42', None),
        (tmp_path, None),
        (3, None),
    ):
        assert kind_of(place) == kind


def test_a_folder_and_a_glob_are_sorted_into_kinds(video_content, tmp_path) -> None:
    files = {
        'a.jpg': image_content('JPEG'),
        'b.mkv': video_content('mkv'),
        'c.jpg': video_content('mp4'),
        'd.mp4': image_content('PNG'),
        'e': image_content('WEBP'),
        'empty.jpg': b'',
        'logo.svg': OTHERS['SVG'],
        'notes.txt': OTHERS['text'],
        '.hidden.jpg': image_content('JPEG'),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    expected = dict(zip(files, 'image video video image image image'.split(), strict=False))
    for place in (str(tmp_path), f'{tmp_path}/*', f'{tmp_path}/**'):
        root, kinds, others = find_files(place)
        names = {os.path.relpath(path, root): kind for path, kind in kinds.items()}
        assert names == expected
        assert [os.path.basename(path) for path in others] == ['logo.svg', 'notes.txt']


def test_many_names_are_cut_and_odd_ones_escaped() -> None:
    assert shown(['a\n.txt']) == '1 file (a\\n.txt)'
    assert shown([f'{n}.txt' for n in range(12)]).endswith('8.txt, 9.txt and 2 more)')
