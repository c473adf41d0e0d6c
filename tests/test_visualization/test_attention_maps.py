"""Drawing of attention maps."""

import numpy as np
import pytest
import torch

from vlpose_mm.models.necks.attention_maps import AttentionMaps
from vlpose_mm.models.text_encoders.base import Word
from vlpose_mm.visualization.attention_maps import (
    BAR,
    GAP,
    HEIGHT,
    _colors,
    _crop,
    draw_attention_maps,
)
from vlpose_mm.visualization.captions import LINE

WIDTH = HEIGHT * 3 // 4
WORDS = (Word('[CLS]', 1, special=True), Word('a', 1), Word('mural', 2))


def maps_with(peak: tuple[int, int] | None = None, heads: int = 2) -> AttentionMaps:
    """Even maps, but for a patch (row, column) where 'mural' gets most."""
    weights = torch.full((heads, len(WORDS), 8, 6), 0.02)
    if peak is not None:
        weights[:, 2, peak[0], peak[1]] = 0.5
    center, scale = np.array([50.0, 60.0]), np.array([60.0, 80.0])
    return AttentionMaps('a mural', WORDS, weights, 52, center, scale)


def tile(sheet: np.ndarray, column: int, row: int = 0) -> np.ndarray:
    """The image of a tile on the sheet of one person."""
    head = LINE + 2
    top = GAP + (2 * LINE + 2) + GAP + head
    top += row * (head + HEIGHT + BAR + 2 * LINE + 2 + GAP)
    left = GAP + column * (WIDTH + GAP)
    return sheet[top : top + HEIGHT, left : left + WIDTH]


def brightest(image: np.ndarray) -> tuple[int, int]:
    """Where an image, drawn over a plain one, is brightest: row, column."""
    found = np.unravel_index(image.astype(int).sum(-1).argmax(), image.shape[:2])
    return int(found[0]), int(found[1])


@pytest.mark.parametrize('peak', [(0, 0), (7, 5), (2, 4)])
def test_a_tile_is_brightest_at_the_patch_that_reads_most(peak: tuple[int, int]) -> None:
    image = np.full((120, 100, 3), 90, np.uint8)
    sheet = draw_attention_maps(image, [maps_with(peak)], strongest=0)
    # The words, then the special token.
    y, x = brightest(tile(sheet, 2))
    assert (y // (HEIGHT // 8), x // (WIDTH // 6)) == peak
    for column in (1, 3):
        assert tile(sheet, column).std((0, 1)).max() == 0


def test_strongest_patches_are_framed_and_no_others() -> None:
    image = np.full((120, 100, 3), 90, np.uint8)
    drawn = draw_attention_maps(image, [maps_with((2, 4))], strongest=1)
    changed = tile(drawn, 2) != tile(
        draw_attention_maps(image, [maps_with((2, 4))], None, False, 0), 2
    )
    rows, columns = np.nonzero(changed.any(-1))
    assert (rows.min(), rows.max()) == (2 * HEIGHT // 8, 3 * HEIGHT // 8 - 1)
    assert (columns.min(), columns.max()) == (4 * WIDTH // 6, 5 * WIDTH // 6 - 1)


def test_the_crop_is_what_the_model_saw() -> None:
    image = np.zeros((120, 100, 3), np.uint8)
    # Where the crop begins: x 20 to 80, y 20 to 100.
    image[20:60, 20:50] = (255, 0, 0)
    crop = _crop(image, maps_with())
    assert crop.shape == (HEIGHT, WIDTH, 3)
    inside = HEIGHT // 2 - 3, WIDTH // 2 - 3
    assert (crop[3 : inside[0], 3 : inside[1]] == (255, 0, 0)).all()
    assert (crop[HEIGHT // 2 + 3 :] == 0).all() and (crop[:, WIDTH // 2 + 3 :] == 0).all()
    assert (tile(draw_attention_maps(image, [maps_with()]), 0) == crop).all()


def test_what_is_outside_of_the_image_is_black() -> None:
    maps = maps_with()._replace(center=np.array([0.0, 60.0]))
    crop = _crop(np.full((120, 100, 3), 255, np.uint8), maps)
    assert (crop[:, : WIDTH // 2 - 3] == 0).all() and (
        crop[:, WIDTH // 2 + 3 :] > 250
    ).all()


def test_words_can_be_chosen_and_rows_wrap() -> None:
    image = np.zeros((120, 100, 3), np.uint8)
    everything = draw_attention_maps(image, [maps_with()])
    one = draw_attention_maps(image, [maps_with()], ['MURAL'])
    assert one.shape[0] == everything.shape[0]
    assert (tile(one, 1) == tile(everything, 2)).all()
    two_rows = draw_attention_maps(image, [maps_with()], columns=2)
    assert two_rows.shape[0] > 2 * HEIGHT
    assert (tile(two_rows, 0, row=1) == tile(everything, 2)).all()
    with pytest.raises(ValueError, match="no word 'sketch'"):
        draw_attention_maps(image, [maps_with()], ['sketch'])


def test_heads_have_rows_of_their_own() -> None:
    maps = maps_with((2, 4))
    maps.weights[1, 2] = maps_with((5, 1)).weights[1, 2]
    image = np.full((120, 100, 3), 90, np.uint8)
    sheet = draw_attention_maps(image, [maps], per_head=True, strongest=0)
    for head, peak in enumerate([(2, 4), (5, 1)]):
        y, x = brightest(tile(sheet, 2, row=head))
        assert (y // (HEIGHT // 8), x // (WIDTH // 6)) == peak


def test_people_stand_below_each_other() -> None:
    image = np.zeros((120, 100, 3), np.uint8)
    one = draw_attention_maps(image, [maps_with()])
    two = draw_attention_maps(image, [maps_with(), maps_with((1, 1))])
    assert two.shape == (2 * one.shape[0] - GAP, *one.shape[1:])
    assert (two[: len(one)] == one).all()


def test_attention_of_nothing_is_dark() -> None:
    maps = maps_with()._replace(weights=torch.zeros(1, len(WORDS), 8, 6))
    sheet = draw_attention_maps(np.zeros((120, 100, 3), np.uint8), [maps], strongest=0)
    assert tile(sheet, 1).max() < 20


def test_colors_go_from_dark_to_bright() -> None:
    shades = _colors(np.array([[0.0, 0.25, 0.5, 0.75, 1.0]]))[0].astype(int).sum(-1)
    assert (np.diff(shades) > 0).all()


def test_nobody_is_nothing_to_draw() -> None:
    with pytest.raises(ValueError, match='nothing to draw'):
        draw_attention_maps(np.zeros((9, 9, 3), np.uint8), [])
