"""Files, folders, globs, URLs and arrays become one list of images."""

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


def test_a_file_is_named_by_its_base_name_and_keeps_its_path(tmp_path) -> None:
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


def test_files_of_several_folders_have_different_names(tmp_path) -> None:
    put(tmp_path, 'one/a.jpg', 'two/a.jpg')
    given = [tmp_path / 'one/a.jpg', tmp_path / 'two', tmp_path / 'one/a.jpg']
    assert names_of(find_items(given)) == ['one/a.jpg', 'two/a.jpg', 'one/a.jpg (2)']


def test_an_input_may_override_the_call(tmp_path) -> None:
    put(tmp_path, 'a.jpg')
    given = dict(image=tmp_path / 'a.jpg', scenario='mural', bboxes=[[0, 0, 9, 9]])
    (item,) = find_items([given])
    assert item.overrides == dict(scenario='mural', bboxes=[[0, 0, 9, 9]])


def test_arrays_and_urls_keep_their_order() -> None:
    url = 'https://museum.example/images/a.jpg?size=full'
    assert names_of(find_items([IMAGE, url])) == ['000000.jpg', url]
    assert kind_of(url) == 'image'


@pytest.mark.parametrize(
    'inputs, kind, message',
    [
        ('nowhere.jpg', FileNotFoundError, 'no file or folder nowhere.jpg'),
        ('nowhere/*.jpg', ValueError, r'No file matches nowhere/\*.jpg'),
        ([], ValueError, 'The list of images is empty'),
        ('', ValueError, 'blank'),
        (None, TypeError, 'An input is a path, a URL'),
        ([True], TypeError, 'got True'),
        (dict(image='a.jpg', caption='x'), ValueError, "'caption' is unknown"),
        (dict(scenario='mural'), ValueError, "'image' is missing"),
    ],
)
def test_other_inputs_are_refused(inputs, kind: type, message: str) -> None:
    with pytest.raises(kind, match=message):
        find_items(inputs)


def test_a_folder_without_images_is_refused(tmp_path) -> None:
    with pytest.raises(ValueError, match='holds no images and no videos'):
        find_items(str(tmp_path))


def test_a_missing_file_of_a_list_fails_alone_when_it_is_read(tmp_path) -> None:
    put(tmp_path, 'a.jpg')
    there, missing = find_items([tmp_path / 'a.jpg', tmp_path / 'missing.jpg'])
    assert next(there.sources()).read().shape == IMAGE.shape
    with pytest.raises(OSError, match='Cannot read .*missing.jpg: No such file'):
        next(missing.sources()).read()
