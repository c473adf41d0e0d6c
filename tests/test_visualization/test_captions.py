"""Captions, and saving of images."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from vlpose_mm.datasets.image_io import read_image
from vlpose_mm.visualization.captions import BLACK, GRAY, LINE, caption, save_image


def test_saves_an_image_in_an_existing_folder(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (15, 17, 3), np.uint8)
    path = str(tmp_path / 'image.png')
    save_image(image, path)
    assert (read_image(path) == image[..., ::-1]).all()
    assert [file.name for file in tmp_path.iterdir()] == ['image.png']
    with pytest.raises(OSError, match='name a file in an existing folder'):
        save_image(image, str(tmp_path / 'no/image.png'))


def test_a_caption_has_a_line_for_each_text_of_any_script_and_the_width() -> None:
    strip = caption(80, ('word', BLACK), ('far too long for eighty pixels', GRAY))
    assert strip.shape == (2 * LINE + 2, 80, 3)
    assert (strip[:LINE] < 80).any() and (strip[LINE:] < 160).any()
    assert not (strip[LINE:] < 80).any()
    drawn = [caption(80, (text, BLACK)) for text in ('élan', 'elan', 'мурал', 'θεά')]
    assert all((one != other).any() for one, other in combinations(drawn, 2))
