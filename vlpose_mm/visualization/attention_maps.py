"""Draw over an image which words its patches read."""

from collections.abc import Sequence

import cv2
import numpy as np

from vlpose_mm.models.necks.attention_maps import AttentionMaps
from vlpose_mm.visualization.captions import BLACK, GRAY, caption

# A tile is so high, and as wide as the crop is in relation to that; in pixels.
HEIGHT = 224
GAP = 10
BAR = 8
WHITE = (255, 255, 255)


def draw_attention_maps(
    image: np.ndarray,
    people: Sequence[AttentionMaps],
    words: Sequence[str] | None = None,
    per_head: bool = False,
    strongest: int = 3,
    columns: int = 6,
) -> np.ndarray:
    """Draw a sheet: for each person the crop that the model saw, and a tile per word.

    A tile shows how much of each patch's attention goes to the word, from nothing (dark)
    to the most that any patch gives it (bright), which is written below; framed squares
    are the patches that give it most. Special tokens come last, in gray.

    Args:
        image (np.ndarray): The image, RGB, H x W x 3.
        people (Sequence[AttentionMaps]): Maps of at least one person on it.
        words (Sequence[str], optional): Words to draw, in any case; all by default.
        per_head (bool): Draw each head in a row of its own, instead of their mean.
        strongest (int): How many of the strongest patches are marked.
        columns (int): Tiles in a row, but for ``per_head``.

    Returns:
        np.ndarray: The sheet, RGB.

    Raises:
        ValueError: If a word is not in the text prompt, or there is nobody.
    """
    if not people:
        raise ValueError(
            'There is nothing to draw; give the attention maps of at least one person.'
        )
    blocks = [
        _draw_person(image, maps, words, per_head, strongest, columns) for maps in people
    ]
    sheet = _stack(blocks, axis=0)
    return cv2.copyMakeBorder(sheet, GAP, 0, GAP, 0, cv2.BORDER_CONSTANT, value=WHITE)


def _draw_person(
    image: np.ndarray,
    maps: AttentionMaps,
    words: Sequence[str] | None,
    per_head: bool,
    strongest: int,
    columns: int,
) -> np.ndarray:
    """Draw the tiles of one person below a line about the whole text prompt."""
    crop = _crop(image, maps)
    rows = sorted(range(len(maps.words)), key=lambda row: maps.words[row].special)
    if words is not None:
        rows = list(dict.fromkeys(row for text in words for row in maps.find(text)))
    weights = maps.weights.numpy()  # heads, words, h, w
    heads = weights if per_head else weights.mean(0, keepdims=True)
    blank = caption(crop.shape[1], (' ', BLACK))
    plain = np.vstack([blank, crop, np.full((BAR, crop.shape[1], 3), 255, np.uint8)])
    tiles = []
    for head, of_head in enumerate(heads, 1):
        label = f'head {head}' if per_head else 'the model sees'
        first = np.vstack([plain, caption(crop.shape[1], (label, BLACK), (' ', BLACK))])
        tiles += [first]
        tiles += [_draw_word(crop, maps, row, of_head[row], strongest) for row in rows]
    columns = 1 + len(rows) if per_head else columns
    lines = [_stack(tiles[i : i + columns], axis=1) for i in range(0, len(tiles), columns)]
    tiled = _stack(lines, axis=0)
    shares = maps.shares
    spread = (
        f'The patches attend by {shares["words"]:.1%} to words, by {shares["special"]:.1%} '
        f'to special tokens and by {shares["patches"]:.1%} to patches; '
        f'even: {1 / maps.num_keys:.2%} for a token or patch.'
    )
    told = caption(
        max(tiled.shape[1], 5 * crop.shape[1]),
        (f'“{maps.text_prompt}”', BLACK),
        (spread, GRAY),
    )
    return _stack([told, tiled], axis=0)


def _draw_word(
    crop: np.ndarray, maps: AttentionMaps, row: int, weights: np.ndarray, strongest: int
) -> np.ndarray:
    """Draw the map of a word, h x w, over the crop, with its name and numbers."""
    word = maps.words[row]
    peak = float(weights.max())
    height, width = crop.shape[:2]
    heat = cv2.resize(weights, (width, height), interpolation=cv2.INTER_LINEAR)
    gray = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)[..., None].repeat(3, -1)
    tile = cv2.addWeighted(gray, 0.4, _colors(heat / (peak or 1)), 0.6, 0)
    h, w = weights.shape
    for place in np.argsort(-weights, axis=None)[:strongest]:
        y, x = divmod(int(place), w)
        left, top = round(x * width / w), round(y * height / h)
        right, bottom = round((x + 1) * width / w) - 1, round((y + 1) * height / h) - 1
        cv2.rectangle(tile, (left, top), (right, bottom), WHITE, 1)
        # Else white on bright would not be seen.
        cv2.rectangle(tile, (left + 1, top + 1), (right - 1, bottom - 1), BLACK, 1)
    bar = _colors(np.linspace(0, 1, width)[None].repeat(BAR, 0))
    share = float(weights.mean())
    return np.vstack(
        [
            caption(width, (word.text, GRAY if word.special else BLACK)),
            tile,
            bar,
            caption(
                width,
                (f'0 … {peak:.2%}', GRAY),
                (f'mean {share:.2%}, {share / maps.uniform(row):.2f} x even', GRAY),
            ),
        ]
    )


def _crop(image: np.ndarray, maps: AttentionMaps) -> np.ndarray:
    """Cut out what the model saw; what is outside of the image is black."""
    width = round(HEIGHT * maps.scale[0] / maps.scale[1])
    x, y = maps.center - maps.scale / 2
    step_x, step_y = maps.scale[0] / width, maps.scale[1] / HEIGHT
    # From the middle of a pixel of the tile to the image, whose first pixel is at 0.
    to_image = np.array(
        [[step_x, 0, x + step_x / 2 - 0.5], [0, step_y, y + step_y / 2 - 0.5]]
    )
    return cv2.warpAffine(
        np.ascontiguousarray(image),
        to_image,
        (width, HEIGHT),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
    )


def _colors(heat: np.ndarray) -> np.ndarray:
    """Color numbers in [0, 1], H x W, from dark to bright; RGB."""
    steps = np.clip(heat * 255, 0, 255).astype(np.uint8)
    return cv2.applyColorMap(steps, cv2.COLORMAP_INFERNO)[..., ::-1]


def _stack(parts: Sequence[np.ndarray], axis: int) -> np.ndarray:
    """Put images below (axis 0) or beside (axis 1) each other, with gaps."""
    across = max(part.shape[1 - axis] for part in parts)
    padded = []
    for part in parts:
        below, right = (GAP, across - part.shape[1])
        if axis == 1:
            below, right = (across - part.shape[0], GAP)
        padded.append(
            cv2.copyMakeBorder(part, 0, below, 0, right, cv2.BORDER_CONSTANT, value=WHITE)
        )
    return np.concatenate(padded, axis=axis)
