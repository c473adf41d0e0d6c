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
PLAIN = np.full((120, 100, 3), 90, np.uint8)


def maps_with(*peaks: tuple[int, int]) -> AttentionMaps:
    """Uniform maps, except for a patch (row, column) with most attention to 'mural'."""
    weights = torch.full((2, len(WORDS), 8, 6), 0.02)
    for head, (y, x) in enumerate(peaks * 2 if len(peaks) == 1 else peaks):
        weights[head, 2, y, x] = 0.5
    center, scale = np.array([50.0, 60.0]), np.array([60.0, 80.0])
    return AttentionMaps('a mural', WORDS, weights, 52, center, scale)


def tile(sheet: np.ndarray, column: int, row: int = 0) -> np.ndarray:
    """The image of a tile on the sheet of one instance."""
    head = LINE + 2
    top = GAP + (2 * LINE + 2) + GAP + head
    top += row * (head + HEIGHT + BAR + 2 * LINE + 2 + GAP)
    left = GAP + column * (WIDTH + GAP)
    return sheet[top : top + HEIGHT, left : left + WIDTH]


def brightest_patch(image: np.ndarray) -> tuple[int, int]:
    y, x = np.unravel_index(image.astype(int).sum(-1).argmax(), image.shape[:2])
    return int(y) // (HEIGHT // 8), int(x) // (WIDTH // 6)


@pytest.mark.fast
@pytest.mark.parametrize('peak', [(0, 0), (7, 5), (2, 4)])
def test_a_tile_is_brightest_at_the_patch_with_most_attention(peak: tuple) -> None:
    sheet = draw_attention_maps(PLAIN, [maps_with(peak)], strongest=0)
    # The words come first, then the special token.
    assert brightest_patch(tile(sheet, 2)) == peak
    for column in (1, 3):
        assert tile(sheet, column).std((0, 1)).max() == 0


def test_only_the_strongest_patches_have_frames() -> None:
    one, none = (
        draw_attention_maps(PLAIN, [maps_with((2, 4))], strongest=count) for count in (1, 0)
    )
    rows, columns = np.nonzero((tile(one, 2) != tile(none, 2)).any(-1))
    assert (rows.min(), rows.max()) == (2 * HEIGHT // 8, 3 * HEIGHT // 8 - 1)
    assert (columns.min(), columns.max()) == (4 * WIDTH // 6, 5 * WIDTH // 6 - 1)


def test_the_crop_is_the_models_input_and_black_outside_of_the_image() -> None:
    image = np.zeros((120, 100, 3), np.uint8)
    image[20:60, 20:50] = (255, 0, 0)  # the crop is x 20 to 80, y 20 to 100
    crop = _crop(image, maps_with())
    assert crop.shape == (HEIGHT, WIDTH, 3)
    y, x = HEIGHT // 2, WIDTH // 2
    assert (crop[3 : y - 3, 3 : x - 3] == (255, 0, 0)).all()
    assert (crop[y + 3 :] == 0).all() and (crop[:, x + 3 :] == 0).all()
    assert (tile(draw_attention_maps(image, [maps_with()]), 0) == crop).all()

    maps = maps_with()._replace(center=np.array([0.0, 60.0]))
    crop = _crop(np.full((120, 100, 3), 255, np.uint8), maps)
    assert (crop[:, : x - 3] == 0).all() and (crop[:, x + 3 :] > 250).all()


def test_words_can_be_selected_and_rows_wrap() -> None:
    everything = draw_attention_maps(PLAIN, [maps_with()])
    one = draw_attention_maps(PLAIN, [maps_with()], ['MURAL'])
    assert one.shape[0] == everything.shape[0]
    assert (tile(one, 1) == tile(everything, 2)).all()
    wrapped = draw_attention_maps(PLAIN, [maps_with()], columns=2)
    assert wrapped.shape[0] > 2 * HEIGHT
    assert (tile(wrapped, 0, row=1) == tile(everything, 2)).all()
    with pytest.raises(ValueError, match="no word 'sketch'"):
        draw_attention_maps(PLAIN, [maps_with()], ['sketch'])


def test_each_head_has_a_row() -> None:
    maps = maps_with((2, 4), (5, 1))
    sheet = draw_attention_maps(PLAIN, [maps], per_head=True, strongest=0)
    peaks = [brightest_patch(tile(sheet, 2, row=head)) for head in (0, 1)]
    assert peaks == [(2, 4), (5, 1)]


def test_instances_are_below_each_other() -> None:
    one = draw_attention_maps(PLAIN, [maps_with()])
    two = draw_attention_maps(PLAIN, [maps_with(), maps_with((1, 1))])
    assert two.shape == (2 * one.shape[0] - GAP, *one.shape[1:])
    assert (two[: len(one)] == one).all()
    with pytest.raises(ValueError, match='nothing to draw'):
        draw_attention_maps(PLAIN, [])


def test_zero_is_dark_and_colors_get_brighter() -> None:
    maps = maps_with()._replace(weights=torch.zeros(1, len(WORDS), 8, 6))
    sheet = draw_attention_maps(np.zeros_like(PLAIN), [maps], strongest=0)
    assert tile(sheet, 1).max() < 20
    shades = _colors(np.array([[0.0, 0.25, 0.5, 0.75, 1.0]]))[0].astype(int).sum(-1)
    assert (np.diff(shades) > 0).all()
