"""Made of something solid: garage_kits, relief and sculpture."""

import cv2
import numpy as np

from ..figure import MATERIALS, Figure
from ..photo import expose
from ..scene import Scene, SceneSpec
from ..shading import (
    compose,
    downsample,
    gradient,
    hsv,
    light_up,
    noise,
    paint_materials,
    sample_palette,
    solid_depth,
    to_uint8,
)
from . import wardrobe

Rng = np.random.Generator

GARAGE_KITS = SceneSpec(
    wardrobe.HEROIC, {'head': 1.6, 'legs': 0.85, 'arms': 0.9, 'feet': 1.15},
    wardrobe.costume, people=(0.88, 0.12, 0), back_view=0.05, cropped=0, occluded=0,
)  # fmt: skip
RELIEF = SceneSpec(
    wardrobe.CEREMONIAL, {'girth': 1.12}, wardrobe.draped, people=(0.3, 0.4, 0.3),
    back_view=0.05, profile=0.5, cropped=0, occluded=0, margin=0.05,
)  # fmt: skip
SCULPTURE = SceneSpec(
    {**wardrobe.CALM, 'lunging': 10, 'crouching': 5}, {'girth': 1.08},
    wardrobe.draped, people=(0.85, 0.15, 0), cropped=0, occluded=0,
)  # fmt: skip


def gloss(normal: np.ndarray, light: np.ndarray, power: float) -> np.ndarray:
    """Blinn-Phong highlight of (H, W, 3) normals, 0 .. 1."""
    half = light / np.linalg.norm(light) + (0, 0, 1)
    half = (half / np.linalg.norm(half)).astype(np.float32)
    return np.maximum(normal @ half, 0) ** power


def feet(figure: Figure) -> tuple[float, float, float]:
    """Middle x, lowest y and half width of the feet, pixels."""
    points = figure.footing
    return points[:, 0].mean(), points[:, 1].max(), np.ptp(points[:, 0]) / 2


def paint_garage_kits(rng: Rng, scene: Scene) -> np.ndarray:
    """A glossy big-headed figurine on a round base in a plain studio."""
    height, width = scene.size
    buffers = scene.buffers
    back = hsv(rng.random(), rng.uniform(0.0, 0.45), rng.uniform(0.3, 0.95))
    image = gradient(scene.size, back * 1.02, back * 0.7)
    yy, xx = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    image *= (1.12 - 0.3 * (xx**2 + yy**2))[..., None].astype(np.float32)
    base = hsv(rng.random(), rng.uniform(0, 0.5), rng.choice([0.12, 0.9]))
    palettes = []
    for figure in scene.figures:
        x, y, reach = feet(figure)
        axes = (int(reach + 0.13 * figure.scale), int(0.055 * figure.scale))
        for drop, shade in ((7, 0.25), (4, 0.6), (0, 1.0)):
            spot = (int(x), int(min(y - 3, height - 8) + drop))
            tone = tuple(map(float, base * shade))
            cv2.ellipse(image, spot, axes, 0, 0, 360, tone, -1, cv2.LINE_AA)
        palette = sample_palette(rng, image.mean((0, 1)))
        skin = np.array([0.76, 0.85, 0.98])
        hue = rng.random()
        palettes.append({
            **palette, 'skin': skin, 'nose': skin * 0.93,
            'hair': hsv(rng.random(), 0.75, rng.uniform(0.5, 0.95)),
            'top': hsv(hue, 0.85, 0.85), 'extra': hsv(hue + 0.5, 0.85, 0.8),
            'bottom': hsv(hue + 0.3, 0.7, rng.choice([0.25, 0.9])),
            'shoe': hsv(hue + 0.5, 0.8, 0.5), 'eye': hsv(hue + 0.4, 0.9, 0.25),
        })  # fmt: skip
    color = paint_materials(buffers, palettes)
    light = np.array([rng.choice([-0.7, 0.7]), -0.9, 0.9])
    color *= light_up(buffers, light, 0.55, 0.5)[..., None]
    color += (0.75 * gloss(buffers.normal, light, 40))[..., None]
    # a soft box mirrors in the plastic
    mirror = np.abs(buffers.normal[..., 0] + 0.45 * np.sign(light[0])) < 0.09
    color[mirror & buffers.mask] += 0.12
    image = compose(image, color, buffers.mask, scene.size)
    return to_uint8(expose(rng, image, 0.3, 0.005, 1.08))


def _stone(rng: Rng, size: tuple[int, int]) -> np.ndarray:
    """A stone color with speckles and stains, (h, w, 3) float32."""
    color = rng.choice(
        [(0.55, 0.66, 0.72), (0.62, 0.64, 0.65), (0.42, 0.55, 0.66), (0.7, 0.78, 0.82)]
    )
    speckle = 0.07 * noise(rng, size, 1.4) + 0.09 * noise(rng, size, 20)
    return (np.float32(color) * (1 + speckle)[..., None]).astype(np.float32)


def paint_relief(rng: Rng, scene: Scene) -> np.ndarray:
    """Figures raised a little from a slab of the same stone."""
    height, width = scene.size
    buffers = scene.buffers
    shape = buffers.depth.shape
    scale = buffers.scale
    depth = solid_depth(buffers)
    body = np.clip(depth / scale, -18, 14) * 0.22 + 8.0
    # eyes, mouth and nose are carved; hair and cloth get grooves
    body -= 1.2 * buffers.of('eye', 'mouth')
    groove = np.sin(buffers.across * 9) * buffers.of('hair', 'bottom', 'top')
    body += 0.25 * groove
    slab = 0.5 * noise(rng, shape, 24) + 0.2 * noise(rng, shape, 5)
    yy, xx = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    border = 0.045 * shape[0]
    rim = np.minimum.reduce([xx, yy, shape[1] - xx, shape[0] - yy]) < border
    slab += 4.0 * rim
    floor = (yy > (scene.ground + 1) * scale) & ~rim
    slab += 2.5 * floor
    relief = np.where(buffers.mask, body, slab).astype(np.float32)
    relief = cv2.GaussianBlur(relief, (0, 0), 1.3) * scale
    side = rng.choice([-1.0, 1.0])
    slope = side * cv2.Sobel(relief, -1, 1, 0) + 1.2 * cv2.Sobel(relief, -1, 0, 1)
    tone = np.clip(0.72 + 0.05 * slope, 0.22, 1.25)
    # the raised parts throw a shadow onto the slab
    shadow = np.roll(buffers.mask, (int(4 * scale), int(-side * 3 * scale)), (0, 1))
    shadow = cv2.GaussianBlur((shadow & ~buffers.mask).astype('f4'), (0, 0), 2)
    tone *= 1 - 0.4 * shadow * ~buffers.mask
    tone = downsample(tone.astype('f4'), scene.size)
    image = _stone(rng, scene.size) * tone[..., None]
    pits = noise(rng, (height, width), 2.5) > 0.95
    image[pits] *= 0.75
    return to_uint8(image)


def _museum(rng: Rng, scene: Scene, value: float) -> np.ndarray:
    """A quiet wall of some brightness with an arch or columns, and a floor."""
    height, width = scene.size
    wall = hsv(rng.choice([0.05, 0.1, 0.6, 0.98]), rng.uniform(0.05, 0.5), value)
    image = gradient(scene.size, wall * 1.1, wall * 0.85)
    horizon = scene.horizon(12)
    if rng.random() < 0.5:
        for x in np.arange(rng.uniform(-10, 20), width, rng.uniform(50, 80)):
            for offset in range(16):
                tone = wall * (0.75 + 0.45 * np.sin(np.pi * offset / 16))
                cv2.line(
                    image, (int(x) + offset, 0), (int(x) + offset, horizon), tuple(tone), 1
                )
    else:
        axes = (int(0.38 * width), int(0.55 * height))
        middle, spring, niche = width // 2, int(0.6 * height), tuple(wall * 0.78)
        cv2.ellipse(image, (middle, spring), axes, 0, 180, 360, niche, -1)
        cv2.rectangle(
            image, (middle - axes[0], spring), (middle + axes[0], horizon), niche, -1
        )
    floor = wall * 0.5 + 0.1
    image[horizon:] = gradient((height - horizon, width), floor * 0.8, floor)
    return cv2.GaussianBlur(image, (0, 0), 2)


def paint_sculpture(rng: Rng, scene: Scene) -> np.ndarray:
    """Marble or bronze on a pedestal in a museum."""
    height, width = scene.size
    buffers = scene.buffers
    shape = buffers.depth.shape
    metal = rng.random() < 0.4
    image = _museum(rng, scene, rng.choice([0.6, 0.8] if metal else [0.16, 0.28, 0.5]))
    if metal:
        body = hsv(rng.choice([0.09, 0.11, 0.38]), 0.5, 0.36)
    else:
        body = np.array([0.84, 0.88, 0.9]) * rng.uniform(0.85, 1.0)
    plinth = hsv(0.1, rng.uniform(0, 0.2), rng.uniform(0.3, 0.7))
    for figure in scene.figures:
        x, y, reach = feet(figure)
        half, top = reach + 0.1 * figure.scale, min(y - 4, height - 8)
        left, right = int(x - half), int(x + half)
        cv2.rectangle(image, (left, int(top)), (right, height), tuple(plinth * 0.7), -1)
        cv2.rectangle(
            image, (left - 3, int(top)), (right + 3, int(top) + 5), tuple(plinth * 1.15), -1
        )
    # eyes and lips are of the same stuff, only a little deeper
    palette = {name: body for name in MATERIALS}
    palette['eye'] = palette['mouth'] = body * 0.72
    color = paint_materials(buffers, [palette] * len(scene.figures))
    light = np.array([rng.choice([-1, 1]) * rng.uniform(0.6, 1.1), -0.8, 0.5])
    tone = light_up(buffers, light, 0.22 if metal else 0.35, 0.6)
    fold = 1 + 0.16 * np.sin(buffers.across * 8) * buffers.of('top', 'bottom')
    curl = 1 + 0.25 * noise(rng, shape, 6) * buffers.of('hair')
    color *= (tone * fold * curl)[..., None]
    color += ((0.55 if metal else 0.12) * gloss(buffers.normal, light, 14))[..., None]
    if metal:
        patina = np.clip(noise(rng, shape, 22), 0, 1)[..., None] * 0.4
        color = (
            color * (1 - patina) + patina * np.float32([0.45, 0.5, 0.3]) * tone[..., None]
        )
    else:
        vein = np.abs(noise(rng, shape, 26) + 0.4 * noise(rng, shape, 8)) < 0.03
        color[vein] *= 0.86
    image = compose(image, color, buffers.mask, scene.size)
    return to_uint8(expose(rng, image, 0.4, 0.01, 1.1))
