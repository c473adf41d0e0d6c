"""Colors, patterns and light that the photos and most styles share."""

import colorsys

import cv2
import numpy as np

from .figure import MATERIALS
from .raster import Buffers

Rng = np.random.Generator
Palette = dict[str, np.ndarray]

SKINS = np.array([
    (0.78, 0.86, 0.98), (0.66, 0.77, 0.93), (0.55, 0.68, 0.86), (0.42, 0.56, 0.76),
    (0.30, 0.42, 0.62), (0.20, 0.29, 0.44), (0.15, 0.21, 0.33),
])  # fmt: skip
HAIRS = np.array([
    (0.06, 0.06, 0.07), (0.09, 0.12, 0.18), (0.13, 0.22, 0.36), (0.30, 0.52, 0.72),
    (0.50, 0.70, 0.85), (0.12, 0.25, 0.55), (0.62, 0.62, 0.62),
])  # fmt: skip


def hsv(hue: float, saturation: float, value: float) -> np.ndarray:
    """BGR color of a hue, saturation and value in 0 .. 1."""
    return np.array(colorsys.hsv_to_rgb(hue % 1, saturation, value)[::-1])


def sample_cloth(rng: Rng, *avoid: np.ndarray, apart: float = 0.35) -> np.ndarray:
    """A cloth color that differs from others.

    Colors are (3,) BGR in 0 .. 1, and the distance is Euclidean.
    """
    color = hsv(rng.random(), 0.7, 0.5)
    for _ in range(12):
        if rng.random() < 0.3:
            color = np.full(3, rng.choice([0.08, 0.2, 0.5, 0.8, 0.93]))
            color = color * rng.uniform(0.9, 1.0, 3)
        else:
            color = hsv(rng.random(), rng.uniform(0.3, 0.95), rng.uniform(0.25, 0.95))
        if all(np.linalg.norm(color - other) > apart for other in avoid):
            break
    return color


def sample_palette(rng: Rng, background: np.ndarray) -> Palette:
    """Everyday colors of one person before a background of mean BGR color."""
    top = sample_cloth(rng, background)
    skin = SKINS[rng.integers(len(SKINS))] * rng.uniform(0.92, 1.05)
    return {
        'skin': skin,
        'hair': HAIRS[rng.integers(len(HAIRS))] * rng.uniform(0.8, 1.2),
        'top': top,
        'bottom': sample_cloth(rng, background, top, apart=0.28),
        'shoe': sample_cloth(rng, background, apart=0.3),
        'eye': np.array([0.06, 0.05, 0.05]),
        'mouth': skin * 0.3 + np.array([0.2, 0.15, 0.5]),
        'nose': skin * 0.84,
        'extra': sample_cloth(rng, background, top),
    }


def paint_materials(buffers: Buffers, palettes: list[Palette]) -> np.ndarray:
    """Fill every surface with its person's color.

    Palettes map a material to BGR in 0 .. 1. Return (H, W, 3) float32, black where nothing
    is.
    """
    table = np.zeros((len(palettes) * len(MATERIALS) + 1, 3), np.float32)
    for index, palette in enumerate(palettes):
        for offset, name in enumerate(MATERIALS):
            table[index * len(MATERIALS) + offset] = palette[name]
    keys = buffers.person.astype(np.int32) * len(MATERIALS) + buffers.material
    return table[np.where(buffers.mask, keys, len(table) - 1)]


def add_patterns(rng: Rng, buffers: Buffers, color: np.ndarray, chance: float) -> None:
    """Print stripes, checks or dots on some people's clothes, in place."""
    for person in range(int(buffers.person.max()) + 1):
        for material in ('top', 'bottom'):
            if rng.random() >= chance:
                continue
            ink = sample_cloth(rng).astype(np.float32)
            step = rng.uniform(4, 9) * buffers.scale
            phase = (buffers.along / step) % 1 < 0.45
            turns = (buffers.across * 2.5) % 1 < 0.45
            kind = rng.integers(4)
            print_ = (phase, turns, phase ^ turns, phase & turns)[kind]
            where = print_ & buffers.of(material) & (buffers.person == person)
            color[where] = color[where] * 0.35 + ink * 0.65


def solid_depth(buffers: Buffers) -> np.ndarray:
    """Depth in body pixels with people side by side and nothing at -40."""
    depth = np.full(buffers.depth.shape, -40.0 * buffers.scale, np.float32)
    for person in range(int(buffers.person.max()) + 1):
        own = buffers.person == person
        if own.any():
            depth[own] = buffers.depth[own] - np.median(buffers.depth[own])
    return depth


def light_up(
    buffers: Buffers, light: np.ndarray, ambient: float = 0.5, occlusion: float = 0.35
) -> np.ndarray:
    """Diffuse light and darkening where a limb lies in front of something.

    The light has a (3,) direction: right, down, to the camera; ``ambient`` and
    ``occlusion`` are in 0 .. 1. Return a (H, W) float32 factor around 1.
    """
    light = (light / np.linalg.norm(light)).astype(np.float32)
    diffuse = np.maximum(buffers.normal @ light, 0)
    depth = solid_depth(buffers)
    spread = 2.5 * buffers.scale
    behind = cv2.GaussianBlur(depth, (0, 0), spread) - depth
    shadow = np.clip(behind / (8 * buffers.scale), 0, 1)
    return (ambient + (1.15 - ambient) * diffuse) * (1 - occlusion * shadow)


def downsample(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Average a supersampled image down to ``size`` (height, width)."""
    return cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)


def compose(
    background: np.ndarray, color: np.ndarray, mask: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    """Put supersampled people on a background of image size with soft edges.

    ``color`` (H, W, 3) and ``mask`` (H, W) are supersampled; the result is (h, w, 3)
    float32, as the background.
    """
    alpha = mask.astype(np.float32)[..., None]
    front = downsample(color * alpha, size)
    alpha = downsample(alpha, size)[..., None]
    return background * (1 - alpha) + front


def noise(rng: Rng, size: tuple[int, int], grain: float) -> np.ndarray:
    """Smooth random field with blobs of ``grain`` pixels, roughly -1 .. 1."""
    height, width = size
    small = max(2, round(height / grain)), max(2, round(width / grain))
    field = rng.normal(0, 0.5, small).astype(np.float32)
    return cv2.resize(field, (width, height), interpolation=cv2.INTER_CUBIC)


def gradient(size: tuple[int, int], top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """Vertical gradient between two BGR colors, (h, w, 3) float32."""
    t = np.linspace(0, 1, size[0], dtype=np.float32)[:, None, None]
    ramp = np.asarray(top, np.float32) * (1 - t) + np.asarray(bottom, np.float32) * t
    return np.repeat(ramp, size[1], 1)


def to_uint8(image: np.ndarray) -> np.ndarray:
    """Round a float image in 0 .. 1 to 8 bits."""
    return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)
