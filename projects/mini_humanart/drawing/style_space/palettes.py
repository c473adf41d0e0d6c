"""The colors of a style: of people, of places, of ink and of paper."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..figure import MATERIALS
from ..shading import Palette, hsv, sample_palette

Rng = np.random.Generator
# (rng, hue of the style, brightness in 0 .. 1) -> BGR
Pick = Callable[[Rng, float, float], np.ndarray]

_EARTH = np.array([
    (0.22, 0.3, 0.62), (0.28, 0.5, 0.72), (0.42, 0.48, 0.32), (0.55, 0.47, 0.33),
    (0.72, 0.83, 0.88), (0.18, 0.25, 0.38), (0.12, 0.14, 0.2), (0.5, 0.68, 0.8),
])  # fmt: skip
_MUTED = np.array([
    (0.45, 0.32, 0.2), (0.32, 0.36, 0.66), (0.42, 0.52, 0.42), (0.48, 0.64, 0.78),
    (0.35, 0.3, 0.42), (0.62, 0.55, 0.38), (0.72, 0.86, 0.92), (0.12, 0.1, 0.12),
])  # fmt: skip


def _hues(low: float, high: float, base: float, gain: float, spread: float = 1.0) -> Pick:
    """Colors of a saturation range, of any hue or within ``spread`` of the style's."""

    def pick(rng: Rng, hue: float, value: float) -> np.ndarray:
        own = hue + spread * rng.uniform(-0.5, 0.5)
        return hsv(own, rng.uniform(low, high), min(base + gain * value, 1))

    return pick


def _table(colors: np.ndarray) -> Pick:
    """One of the three colors whose brightness is nearest."""
    gray = colors.mean(1)

    def pick(rng: Rng, hue: float, value: float) -> np.ndarray:
        near = colors[np.argsort(np.abs(gray - value))[rng.integers(3)]]
        return np.clip(near + 0.5 * (value - near.mean()), 0, 1)

    return pick


def _ramp(dark: tuple, light: tuple) -> Pick:
    """Shades between two colors."""
    ends = np.array(dark), np.array(light)

    def pick(rng: Rng, hue: float, value: float) -> np.ndarray:
        return ends[0] + (ends[1] - ends[0]) * value

    return pick


def _golden(rng: Rng, hue: float, value: float) -> np.ndarray:
    return _hues(0.2, 0.6, 0.0, 0.95)(rng, hue, value) * (0.62, 0.87, 1.05)


def _backlit(rng: Rng, hue: float, value: float) -> np.ndarray:
    return hsv(0.02 + 0.14 * hue, 0.85 - 0.45 * value, value)


@dataclass(frozen=True)
class Colors:
    """A named palette.

    Args:
        pick (Callable): Samples a color.
        ground (float): Brightness of the background.
        people (str): 'skin' (of real skin colors), 'ink' (of any colors of the palette) or
            'one' (of one material).
        body (tuple): For 'one': the colors to choose from, BGR.
    """

    pick: Pick
    ground: float
    people: str
    body: tuple[tuple[float, float, float], ...] = ()


COLORS: dict[str, Colors] = {
    'natural': Colors(_hues(0.1, 0.5, 0.0, 0.95), 0.65, 'skin'),
    'bright': Colors(_hues(0.6, 0.95, 0.35, 0.65), 0.8, 'skin'),
    'pastel': Colors(_hues(0.15, 0.4, 0.62, 0.38), 0.9, 'skin'),
    'neon': Colors(_hues(0.7, 0.95, 0.05, 0.95, 0.5), 0.3, 'skin'),
    'earth': Colors(_table(_EARTH), 0.68, 'ink'),
    'muted': Colors(_table(_MUTED), 0.75, 'ink'),
    'gray': Colors(_ramp((0.12, 0.11, 0.11), (0.93, 0.96, 0.97)), 0.92, 'ink'),
    'sepia': Colors(_ramp((0.07, 0.15, 0.27), (0.76, 0.89, 0.96)), 0.88, 'ink'),
    'blue': Colors(_ramp((0.4, 0.16, 0.06), (0.98, 0.94, 0.88)), 0.9, 'ink'),
    'golden': Colors(_golden, 0.5, 'skin'),
    'black': Colors(
        _backlit, 0.9, 'one', ((0.03, 0.05, 0.1), (0.06, 0.06, 0.06), (0.1, 0.1, 0.2))
    ),
    'marble': Colors(
        _hues(0.05, 0.4, 0.0, 0.85, 0.1), 0.35, 'one',
        ((0.84, 0.88, 0.9), (0.86, 0.86, 0.86), (0.74, 0.86, 0.92)),
    ),
    'stone': Colors(
        _hues(0.02, 0.2, 0.05, 0.8, 0.1), 0.62, 'one',
        ((0.55, 0.66, 0.72), (0.62, 0.64, 0.65), (0.42, 0.55, 0.66), (0.5, 0.5, 0.48)),
    ),
    'bronze': Colors(
        _hues(0.05, 0.35, 0.05, 0.9, 0.2), 0.72, 'one',
        ((0.1, 0.24, 0.36), (0.12, 0.22, 0.3), (0.25, 0.33, 0.22)),
    ),
}  # fmt: skip


def _apart(
    rng: Rng, colors: Colors, hue: float, avoid: list[np.ndarray], low: float, high: float
) -> np.ndarray:
    """A color of the palette that differs from others."""
    best, gap = None, -1.0
    for _ in range(8):
        color = colors.pick(rng, hue + rng.random() * 0.5, rng.uniform(low, high))
        nearest = min(np.linalg.norm(color - other) for other in avoid)
        if nearest > gap:
            best, gap = color, nearest
        if gap > 0.4:
            break
    return best


def person_colors(
    rng: Rng, name: str, hue: float, choice: float, background: np.ndarray
) -> Palette:
    """The colors of one person before a background of mean BGR color.

    ``hue`` and ``choice``, in 0 .. 1, are the style's.
    """
    colors = COLORS[name]
    if colors.people == 'one':
        body = np.array(colors.body[int(choice * len(colors.body))])
        palette = {material: body for material in MATERIALS}
        palette |= {'eye': body * 0.7, 'mouth': body * 0.7, 'nose': body * 0.95}
        if name == 'black' and choice > 0.5:
            # colored leather lets some light through
            palette |= {m: hsv(rng.random(), 0.8, 0.36) for m in ('top', 'bottom')}
        return palette
    if colors.people == 'skin':
        palette = sample_palette(rng, background)
        if name == 'natural':
            return palette
        if name == 'golden':
            return {k: c * (0.75, 0.93, 1.05) for k, c in palette.items()}
        if name != 'pastel':
            palette['hair'] = colors.pick(rng, hue, rng.choice([0.1, 0.7]))
        low, high = 0.1, 1.0
    else:
        palette = {m: colors.pick(rng, hue, v) for m, v in (
            ('skin', 0.82), ('hair', 0.08), ('eye', 0.0), ('mouth', 0.3), ('nose', 0.7),
        )}  # fmt: skip
        low, high = 0.15, 0.75
    top = _apart(rng, colors, hue, [background, palette['skin']], low, high)
    for material in ('bottom', 'extra', 'shoe'):
        palette[material] = _apart(rng, colors, hue, [background, top], low, high)
    return {**palette, 'top': top}
