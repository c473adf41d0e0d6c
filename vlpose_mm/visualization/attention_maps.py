"""Draw attention maps over images."""

from collections.abc import Sequence

import cv2
import numpy as np

from vlpose_mm.models.necks.attention_maps import AttentionMaps
from vlpose_mm.visualization.captions import BLACK, GRAY, caption

# Of a tile, in pixels; its width follows from the crop.
HEIGHT = 224
GAP = 10
BAR = 8
WHITE = (255, 255, 255)


def draw_attention_maps(
    image: np.ndarray,
    maps: Sequence[AttentionMaps],
    words: Sequence[str] | None = None,
    per_head: bool = False,
    strongest: int = 3,
    columns: int = 6,
) -> np.ndarray:
    """Draw a sheet with the crop of each instance and a tile for each word.

    A tile shows the attention of each patch to the word, from zero (dark) to the maximum of
    the tile (bright), which is below it. The patches with the most attention have frames.
    Special tokens come last, in gray.

    Args:
        image (np.ndarray): Image, RGB, H x W x 3.
        maps (Sequence[AttentionMaps]): Maps of at least one instance.
        words (Sequence[str], optional): Words to draw, in any case; by default all.
        per_head (bool): Whether to draw each head in its own row, instead of their mean.
        strongest (int): Number of frames in a tile.
        columns (int): Tiles in a row, unless ``per_head``.

    Returns:
        np.ndarray: The sheet, RGB.

    Raises:
        ValueError: If a word is not in the text prompt, or there are no maps.
    """
    if not maps:
        raise ValueError(
            'There is nothing to draw; pass the attention maps of at least one instance.'
        )
    blocks = [_draw_instance(image, m, words, per_head, strongest, columns) for m in maps]
    return _border(_stack(blocks, axis=0), GAP, 0, GAP, 0)


def _draw_instance(
    image: np.ndarray,
    maps: AttentionMaps,
    words: Sequence[str] | None,
    per_head: bool,
    strongest: int,
    columns: int,
) -> np.ndarray:
    """Draw the tiles of an instance below its text prompt."""
    crop = _crop(image, maps)
    rows = sorted(range(len(maps.words)), key=lambda row: maps.words[row].special)
    if words is not None:
        rows = list(dict.fromkeys(row for word in words for row in maps.find(word)))
    weights = maps.weights.numpy()  # heads, words, h, w
    tiles = []
    for i, head in enumerate(weights if per_head else weights.mean(0, keepdims=True), 1):
        tiles += [_tile(crop, f'head {i}' if per_head else 'input')]
        tiles += [_draw_word(crop, maps, row, head[row], strongest) for row in rows]
    columns = 1 + len(rows) if per_head else columns
    lines = [_stack(tiles[i : i + columns], axis=1) for i in range(0, len(tiles), columns)]
    tiled = _stack(lines, axis=0)
    shares = maps.shares
    summary = (
        f'words {shares["words"]:.1%}, special tokens {shares["special"]:.1%}, '
        f'patches {shares["patches"]:.1%} of attention; uniform: {1 / maps.num_keys:.2%}'
    )
    width = max(tiled.shape[1], 5 * crop.shape[1])
    head = caption(width, (f'“{maps.text_prompt}”', BLACK), (summary, GRAY))
    return _stack([head, tiled], axis=0)


def _draw_word(
    crop: np.ndarray, maps: AttentionMaps, row: int, weights: np.ndarray, strongest: int
) -> np.ndarray:
    """Draw the attention to a word, h x w, over the crop."""
    height, width = crop.shape[:2]
    peak, mean = float(weights.max()), float(weights.mean())
    heat = cv2.resize(weights, (width, height), interpolation=cv2.INTER_LINEAR)
    gray = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)[..., None].repeat(3, -1)
    tile = cv2.addWeighted(gray, 0.4, _colors(heat / (peak or 1)), 0.6, 0)
    h, w = weights.shape
    for patch in np.argsort(-weights, axis=None)[:strongest]:
        y, x = divmod(int(patch), w)
        left, top = round(x * width / w), round(y * height / h)
        right, bottom = round((x + 1) * width / w) - 1, round((y + 1) * height / h) - 1
        # White and black, visible on dark and bright.
        cv2.rectangle(tile, (left, top), (right, bottom), WHITE, 1)
        cv2.rectangle(tile, (left + 1, top + 1), (right - 1, bottom - 1), BLACK, 1)
    word = maps.words[row]
    bar = _colors(np.linspace(0, 1, width)[None].repeat(BAR, 0))
    numbers = (
        f'0 … {peak:.2%}',
        f'{mean:.2%}, {mean / maps.uniform(row):.2f} x uniform',
    )
    color = GRAY if word.special else BLACK
    above = caption(width, (word.text, color))
    return np.vstack([above, tile, bar, caption(width, *((n, GRAY) for n in numbers))])


def _tile(crop: np.ndarray, label: str) -> np.ndarray:
    """Return the plain crop, as high as the tiles of words."""
    width = crop.shape[1]
    bar = np.full((BAR, width, 3), 255, np.uint8)
    below = caption(width, (label, BLACK), (' ', BLACK))
    return np.vstack([caption(width, (' ', BLACK)), crop, bar, below])


def _crop(image: np.ndarray, maps: AttentionMaps) -> np.ndarray:
    """Return the model's input crop; outside of the image it is black."""
    size = round(HEIGHT * maps.scale[0] / maps.scale[1]), HEIGHT
    step = maps.scale / size
    # Centers of pixels: those of the tile are at 0.5, those of the image at 0.
    start = maps.center - maps.scale / 2 + step / 2 - 0.5
    matrix = np.hstack([np.diag(step), start[:, None]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(np.ascontiguousarray(image), matrix, size, flags=flags)


def _colors(heat: np.ndarray) -> np.ndarray:
    """Map [0, 1], H x W, to colors from dark to bright, RGB."""
    steps = np.clip(heat * 255, 0, 255).astype(np.uint8)
    return cv2.applyColorMap(steps, cv2.COLORMAP_INFERNO)[..., ::-1]


def _stack(parts: Sequence[np.ndarray], axis: int) -> np.ndarray:
    """Stack images below (axis 0) or beside (axis 1) each other, with gaps."""
    size = max(part.shape[1 - axis] for part in parts)
    padded = []
    for part in parts:
        padding = size - part.shape[1 - axis]
        bottom, right = (padding, GAP) if axis else (GAP, padding)
        padded.append(_border(part, 0, bottom, 0, right))
    return np.concatenate(padded, axis=axis)


def _border(image: np.ndarray, top: int, bottom: int, left: int, right: int) -> np.ndarray:
    """Add a white border."""
    kind = cv2.BORDER_CONSTANT
    return cv2.copyMakeBorder(image, top, bottom, left, right, kind, value=WHITE)
