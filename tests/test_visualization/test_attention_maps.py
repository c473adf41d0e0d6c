"""Drawing of attention maps."""

import numpy as np
import pytest
import torch

from vlpose_mm.models.necks.attention_maps import AttentionMaps
from vlpose_mm.models.text_encoders.base import Word
from vlpose_mm.visualization.attention_maps import BAR, GAP, HEIGHT, draw_attention_maps
from vlpose_mm.visualization.captions import LINE

WIDTH = HEIGHT * 3 // 4
WORDS = (Word('[CLS]', 1, special=True), Word('a', 1), Word('mural', 2))
PLAIN = np.full((120, 100, 3), 90, np.uint8)


def maps_with(*peaks: tuple[int, int], x: float = 50.0) -> AttentionMaps:
    """Uniform maps, except for a patch (row, column) with most attention to 'mural'."""
    weights = torch.full((2, len(WORDS), 8, 6), 0.02)
    for head, (row, column) in enumerate(peaks * 2 if len(peaks) == 1 else peaks):
        weights[head, 2, row, column] = 0.5
    center, scale = np.array([x, 60.0]), np.array([60.0, 80.0])
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
@pytest.mark.parametrize('peaks', [((0, 0), (7, 5)), ((2, 4), (5, 1))])
def test_a_tile_is_brightest_at_the_patch_with_most_attention(peaks: tuple) -> None:
    sheet = draw_attention_maps(PLAIN, [maps_with(peaks[0])], strongest=0)
    # The words come first, then the special token.
    assert brightest_patch(tile(sheet, 2)) == peaks[0]
    for column in (1, 3):
        assert tile(sheet, column).std((0, 1)).max() == 0
    # Each head has a row.
    sheet = draw_attention_maps(PLAIN, [maps_with(*peaks)], per_head=True, strongest=0)
    assert tuple(brightest_patch(tile(sheet, 2, row)) for row in (0, 1)) == peaks


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
    crop = tile(draw_attention_maps(image, [maps_with()]), 0)
    y, x = HEIGHT // 2, WIDTH // 2
    assert (crop[3 : y - 3, 3 : x - 3] == (255, 0, 0)).all()
    assert (crop[y + 3 :] == 0).all() and (crop[:, x + 3 :] == 0).all()
    crop = tile(draw_attention_maps(np.full_like(PLAIN, 255), [maps_with(x=0.0)]), 0)
    assert (crop[:, : x - 3] == 0).all() and (crop[:, x + 3 :] > 250).all()


def test_words_can_be_selected_rows_wrap_and_instances_are_below_each_other() -> None:
    one = draw_attention_maps(PLAIN, [maps_with()])
    mural = draw_attention_maps(PLAIN, [maps_with()], ['MURAL'])
    assert mural.shape[0] == one.shape[0]
    assert (tile(mural, 1) == tile(one, 2)).all()
    wrapped = draw_attention_maps(PLAIN, [maps_with()], columns=2)
    assert wrapped.shape[0] > 2 * HEIGHT
    assert (tile(wrapped, 0, row=1) == tile(one, 2)).all()
    two = draw_attention_maps(PLAIN, [maps_with(), maps_with((1, 1))])
    assert two.shape == (2 * one.shape[0] - GAP, *one.shape[1:])
    assert (two[: len(one)] == one).all()
    for maps, words, message in (
        ([], None, 'nothing to'),
        ([maps_with()], ['x'], "word 'x'"),
    ):
        with pytest.raises(ValueError, match=message):
            draw_attention_maps(PLAIN, maps, words)


def test_zero_is_dark_and_colors_get_brighter() -> None:
    weights = torch.arange(48.0).view(1, 1, 8, 6).repeat(1, 3, 1, 1)
    black = np.zeros_like(PLAIN)
    maps = maps_with()._replace(weights=weights * 0)
    assert tile(draw_attention_maps(black, [maps], strongest=0), 1).max() < 20
    sheet = draw_attention_maps(black, [maps._replace(weights=weights)], strongest=0)
    # Centers of the patches in a column; gray noise of the crop is dark.
    shades = tile(sheet, 1)[14::28, WIDTH // 12].astype(int).sum(-1)
    assert (np.diff(shades) > 0).all()
