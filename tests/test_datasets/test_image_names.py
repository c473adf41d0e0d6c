"""Images by the ids and names that other tools write."""

import pytest

from vlpose_mm.datasets.image_names import ImageNames
from vlpose_mm.datasets.scenarios import find_scenario

NAMES = {
    1: 'HumanArt/images/2D_virtual_human/mural/000000000001.jpg',
    2: 'HumanArt/images/2D_virtual_human/sketch/000000000001.jpg',
    'three': 'a/b.c.png',
    2**60: 'a/b.c.webp',
    5: 'a/d.jpg',
}


@pytest.mark.parametrize(
    ('value', 'image_id'),
    [
        (2, 2),
        ('2', 2),
        ('three', 'three'),
        (str(2**60), 2**60),
        # Two images have this name; a folder decides.
        ('000000000001.jpg', None),
        ('elsewhere/mural/000000000001.jpg', 1),
        (r'D:\art\sketch\000000000001', 2),
        ('b.c.webp', 2**60),
        ('b.c', None),
        (r'x\d', 5),
        ('d.jpeg', 5),
        ('unknown', None),
        ('', None),
    ],
)
def test_an_id_is_an_id_a_name_or_a_stem(value: int | str, image_id: int | str) -> None:
    assert ImageNames(NAMES).of_id(value) == image_id


@pytest.mark.parametrize('path', [r'x\2D_virtual_human\mural\1.jpg', 'C:/x/mural/1.jpg'])
def test_a_folder_names_the_scenario_on_every_system(path: str) -> None:
    assert find_scenario(dict(file_name=path), 'file_name')[0] == 'mural'
