"""Reading, captioning and writing of pictures."""

from pathlib import Path

import numpy as np
import pytest

from vlpose_mm.visualization.pictures import (
    BLACK,
    GRAY,
    LINE,
    caption,
    read_picture,
    save_picture,
)


def test_what_is_written_is_read_again_in_bgr(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    path = str(tmp_path / 'picture.png')
    save_picture(picture, path)
    assert (read_picture(path) == picture[..., ::-1]).all()
    assert [file.name for file in tmp_path.iterdir()] == ['picture.png']


def test_a_picture_goes_into_a_folder_that_exists(tmp_path: Path) -> None:
    with pytest.raises(OSError, match='name a file in an existing folder'):
        save_picture(np.zeros((2, 2, 3), np.uint8), str(tmp_path / 'no/picture.png'))


@pytest.mark.parametrize(
    ('content', 'message'),
    [(None, 'No such file'), (b'', 'is no picture'), (b'text', 'is no picture')],
)
def test_what_is_no_picture_is_named(
    content: bytes | None, message: str, tmp_path: Path
) -> None:
    path = tmp_path / 'picture.jpg'
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(OSError, match=message) as info:
        read_picture(str(path))
    assert str(path) in str(info.value)


def test_a_folder_is_no_picture(tmp_path: Path) -> None:
    with pytest.raises(OSError, match='Is a directory'):
        read_picture(str(tmp_path))


def test_a_caption_has_a_line_for_each_text_and_never_more_width() -> None:
    strip = caption(80, ('word', BLACK), ('far too long for eighty pixels', GRAY))
    assert strip.shape == (2 * LINE + 2, 80, 3)
    assert (strip[:LINE] < 80).any() and (strip[LINE:] < 160).any()
    assert not (strip[LINE:] < 80).any()


def test_words_of_other_scripts_are_drawn_as_themselves() -> None:
    drawn = [caption(80, (text, BLACK)) for text in ('élan', 'elan', 'мурал', 'θεά')]
    for i, strip in enumerate(drawn):
        for other in drawn[:i]:
            assert (strip != other).any()
