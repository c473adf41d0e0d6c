"""Drawings: sketch, cartoon and digital_art."""

import cv2
import numpy as np

from ..scene import Scene, SceneSpec
from ..shading import (
    add_patterns,
    compose,
    downsample,
    gradient,
    hsv,
    light_up,
    noise,
    paint_materials,
    sample_palette,
    to_uint8,
)
from . import wardrobe
from .strokes import circle, hatching, outlines, paper, polygon, warp, wobbly_line

Rng = np.random.Generator

SKETCH = SceneSpec(wardrobe.LIVELY, cropped=0, occluded=0)
CARTOON = SceneSpec(
    wardrobe.LIVELY, {'head': 1.8, 'legs': 0.88, 'feet': 1.25},
    back_view=0.08, cropped=0, occluded=0,
)  # fmt: skip
DIGITAL_ART = SceneSpec(
    wardrobe.HEROIC, {'head': 1.1, 'legs': 1.12}, wardrobe.costume,
    people=(0.75, 0.2, 0.05), cropped=0.1, occluded=0,
)  # fmt: skip


def paint_sketch(rng: Rng, scene: Scene) -> np.ndarray:
    """Pencil on paper: searching outlines and hatched shadows."""
    buffers = scene.buffers
    shape = buffers.depth.shape
    sheet = paper(rng, scene.size, rng.choice([(0.9, 0.95, 0.97), (0.8, 0.88, 0.93)]))
    lines = outlines(buffers, 0.9).astype(np.float32)
    graphite = np.zeros(shape, np.float32)
    for _ in range(3):
        pressure = 0.5 + 0.4 * noise(rng, shape, 25)
        graphite += warp(rng, lines, 1.8, 30) * pressure
    tone = light_up(buffers, np.array([-0.7, -0.7, 0.5]), 0.1)
    shaded = np.clip(0.85 - tone, 0, 1) + 0.45 * buffers.of('hair', 'shoe')
    shaded += 0.22 * buffers.of('bottom')
    shaded *= buffers.mask
    graphite += 0.7 * shaded * hatching(rng, shape, 5, rng.uniform(0.5, 1.0))
    graphite += 0.9 * buffers.of('eye')
    ground = int(scene.ground * buffers.scale)
    stripe = np.zeros(shape, np.float32)
    stripe[max(0, ground - 12) : ground + 4] = 0.35
    stripe = cv2.GaussianBlur(stripe, (0, 0), 4) * ~buffers.mask
    graphite += stripe * hatching(rng, shape, 6, rng.uniform(1.2, 1.5))
    graphite = downsample(np.clip(graphite, 0, 1), scene.size)
    grain = 0.85 + 0.3 * noise(rng, scene.size, 1.3)
    ink = np.float32(rng.choice([(0.22, 0.2, 0.2), (0.15, 0.25, 0.42)]))
    strength = np.clip(graphite * grain, 0, 1)[..., None]
    return to_uint8(sheet * (1 - strength) + ink * strength)


def _cartoon_background(rng: Rng, scene: Scene) -> np.ndarray:
    """Flat hills under a flat sky, or a burst of rays."""
    height, width = scene.size
    image = np.zeros((height, width, 3), np.float32)
    first = hsv(rng.random(), 0.35, 1.0)
    image[:] = first
    if rng.random() < 0.4:
        center = np.array([width / 2, height * 0.55])
        for angle in np.arange(0, 2 * np.pi, np.pi / 8):
            edges = [angle, angle + np.pi / 16]
            rays = [center + 400 * np.array([np.cos(a), np.sin(a)]) for a in edges]
            polygon(image, np.array([center, *rays]), first * 0.86)
        return image
    for level in range(2):
        hill = hsv(rng.uniform(0.22, 0.42), 0.5, 0.9 - 0.2 * level)
        x = np.linspace(0, width, 30)
        y = scene.ground - 34 + 22 * level + 9 * np.sin(x / 30 + rng.uniform(0, 6))
        shape = np.stack([x, y], 1)
        polygon(image, np.concatenate([shape, [(width, height), (0, height)]]), hill)
        wobbly_line(rng, image, shape, (0.1, 0.1, 0.1), 1.5, 0)
    for _ in range(rng.integers(1, 4)):
        spot = rng.uniform((10, 8), (width - 10, 0.3 * height))
        for offset in ((-9, 2), (0, -2), (9, 2)):
            circle(image, spot + offset, 8, (1, 1, 1))
    return image


def paint_cartoon(rng: Rng, scene: Scene) -> np.ndarray:
    """Flat cel colors, thick black outlines, big heads with white eyes."""
    buffers = scene.buffers
    image = _cartoon_background(rng, scene)
    palettes = []
    for _ in scene.figures:
        palette = sample_palette(rng, image.mean((0, 1)))
        for name in ('top', 'bottom', 'shoe', 'hair'):
            palette[name] = hsv(
                rng.random(), rng.uniform(0.6, 0.95), rng.uniform(0.55, 1.0)
            )
        palettes.append(palette)
    color = paint_materials(buffers, palettes)
    cel = light_up(buffers, np.array([-0.6, -0.6, 0.6]), 0.2, 0.0) > 0.55
    color *= np.where(cel, 1.0, 0.76)[..., None].astype(np.float32)
    color = np.minimum(color * 1.1, 1)
    ink = outlines(buffers, 1.8)
    image = compose(
        image,
        np.where(ink[..., None], np.float32(0.04), color),
        buffers.mask | ink,
        scene.size,
    )
    for figure, labels in zip(scene.figures, scene.keypoints, strict=True):
        size = 0.0165 * figure.scale * figure.build.head
        for row, name in ((1, 'left_eye'), (2, 'right_eye')):
            if labels[row, 2] == 2:
                eye = figure.points[name]
                circle(image, eye, size * 1.2, (0.05, 0.05, 0.05))
                circle(image, eye, size, (1, 1, 1))
                circle(image, eye, size * 0.6, (0.1, 0.05, 0.05))
    return to_uint8(image)


def paint_digital_art(rng: Rng, scene: Scene) -> np.ndarray:
    """Glossy colors with neon rims and glow in front of a dark sky."""
    height, width = scene.size
    buffers = scene.buffers
    hue = rng.random()
    image = gradient(scene.size, hsv(hue, 0.85, 0.22), hsv(hue + 0.18, 0.75, 0.6))
    center = rng.uniform((0.25, 0.2), (0.75, 0.5)) * (width, height)
    circle(image, center, rng.uniform(0.2, 0.38) * width, hsv(hue + 0.5, 0.55, 0.95))
    image = cv2.GaussianBlur(image, (0, 0), 2)
    horizon = scene.horizon(rng.uniform(8, 20))
    skyline = noise(rng, (2, width), 12)[0] * 22 + horizon - 26
    image[np.arange(height)[:, None] > skyline[None]] *= 0.45
    image[horizon:] = gradient(
        (height - horizon, width), hsv(hue + 0.1, 0.8, 0.5), hsv(hue, 0.9, 0.12)
    )
    palettes = []
    for _ in scene.figures:
        palette = sample_palette(rng, image.mean((0, 1)))
        palette['hair'] = hsv(hue + rng.uniform(0.65, 0.9), 0.65, 0.95)
        palette['top'] = hsv(hue + rng.uniform(0.72, 0.95), 0.75, 0.8)
        palette['bottom'] = hsv(hue + rng.uniform(0.6, 0.8), 0.6, 0.4)
        palette['extra'] = hsv(hue + rng.uniform(0.2, 0.8), 0.9, 0.85)
        palettes.append(palette)
    color = paint_materials(buffers, palettes)
    add_patterns(rng, buffers, color, 0.1)
    light = np.array([rng.choice([-0.8, 0.8]), -0.6, 0.7])
    shade = light_up(buffers, light, 0.32)
    color = color * (shade**1.3)[..., None]
    half = light / np.linalg.norm(light) + (0, 0, 1)
    gloss = np.maximum(buffers.normal @ np.float32(half / np.linalg.norm(half)), 0)
    color += 0.55 * (gloss**24)[..., None]
    # neon from behind, on the side away from the light
    away = 0.6 - np.sign(light[0]) * buffers.normal[..., 0]
    rim = np.clip(1 - buffers.normal[..., 2], 0, 1) ** 2.5 * away
    color += np.clip(rim, 0, 1.2)[..., None] * hsv(hue + 0.5, 0.7, 1.0).astype('f4')
    image = compose(image, color, buffers.mask, scene.size)
    for _ in range(rng.integers(15, 45)):
        spot = rng.uniform((0, 0), (width, height))
        circle(image, spot, rng.uniform(0.5, 1.6), hsv(hue + 0.5, 0.3, 1.0))
    bloom = cv2.GaussianBlur(np.clip(image - 0.5, 0, 1), (0, 0), 6)
    return to_uint8(image + 0.8 * bloom)
