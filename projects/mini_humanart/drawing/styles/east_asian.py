"""Brush and woodblock: ink_painting and ukiyoe."""

import cv2
import numpy as np

from ..scene import Scene, SceneSpec
from ..shading import (
    add_patterns,
    compose,
    downsample,
    gradient,
    light_up,
    noise,
    paint_materials,
    to_uint8,
)
from . import wardrobe
from .strokes import circle, outlines, paper, polygon, warp, wobbly_line

Rng = np.random.Generator

INK_PAINTING = SceneSpec(
    wardrobe.CALM, {'legs': 1.05, 'head': 0.95}, wardrobe.robed_or_plain,
    cropped=0, occluded=0, margin=0.05,
)  # fmt: skip
UKIYOE = SceneSpec(
    wardrobe.CEREMONIAL,
    {'legs': 1.1, 'torso': 1.12, 'head': 0.95, 'feet': 0.8},
    wardrobe.robed,
    cropped=0, occluded=0, margin=0.05,
)  # fmt: skip


def _seal(rng: Rng, image: np.ndarray) -> None:
    """A red stamp near an upper corner, in place."""
    height, width = image.shape[:2]
    x = int(rng.choice([0.04, 0.88]) * width)
    y = int(rng.uniform(0.05, 0.18) * height)
    cv2.rectangle(image, (x, y), (x + 12, y + 14), (0.16, 0.16, 0.72), -1)
    for row in (3, 7, 11):
        cv2.line(image, (x + 2, y + row), (x + 10, y + row), (0.75, 0.85, 0.92), 1)
    cv2.line(image, (x + 6, y + 2), (x + 6, y + 12), (0.75, 0.85, 0.92), 1)


def _ink_landscape(rng: Rng, size: tuple[int, int], ground: float) -> np.ndarray:
    """Misty mountains, a bamboo or a branch; (h, w) float32, 1 = full ink."""
    height, width = size
    ink = np.zeros(size, np.float32)
    rows = np.arange(height, dtype=np.float32)[:, None]
    for level in range(2):
        peak = ground - 0.4 * height + 25 * level
        peak = peak - 45 * np.abs(noise(rng, (2, width), 50)[0])
        fade = np.clip(1 - (rows - peak[None]) / 42, 0, 1) * (rows > peak[None])
        ink = np.maximum(ink, fade * (0.2 + 0.12 * level))
    ink = cv2.GaussianBlur(warp(rng, ink, 2, 9), (0, 0), 1.2)
    x = rng.choice([0.06, 0.92]) * width
    stem = np.array([(x, height), (x + rng.uniform(-8, 8), 0)])
    wobbly_line(rng, ink, stem, (0.5,), 3, 0.6)
    for _ in range(9):
        joint = stem[1] + (stem[0] - stem[1]) * rng.uniform(0, 0.7)
        tip = joint + rng.normal(0, 1, 2) * (16, 5) + (0, 12)
        belly = (joint + tip) / 2 + rng.normal(0, 2.5, 2)
        polygon(ink, np.stack([joint, belly, tip, (joint + tip) / 2]), (0.75,))
    return ink


def paint_ink_painting(rng: Rng, scene: Scene) -> np.ndarray:
    """Black washes and swelling brush lines on rice paper, with a red seal."""
    buffers = scene.buffers
    shape = buffers.depth.shape
    sheet = paper(rng, scene.size, (0.8, 0.89, 0.93), 0.035)
    ink = _ink_landscape(rng, scene.size, scene.ground)
    wash = np.zeros(shape, np.float32)
    for material, depth in (
        ('top', 0.38),
        ('bottom', 0.55),
        ('hair', 0.9),
        ('skin', 0.06),
        ('extra', 0.7),
        ('shoe', 0.85),
        ('eye', 0.95),
        ('mouth', 0.4),
    ):
        wash += buffers.of(material) * depth * rng.uniform(0.75, 1.2)
    wash *= 1.05 - 0.55 * light_up(buffers, np.array([-0.6, -0.7, 0.5]), 0.2)
    wash *= 1 + 0.5 * noise(rng, shape, 14)
    wash = cv2.GaussianBlur(warp(rng, wash, 2.0, 14), (0, 0), 1.5)
    # a brush line swells and dries out
    thin, thick = (outlines(buffers, w).astype(np.float32) for w in (0.9, 2.2))
    swell = np.clip(0.5 + 1.4 * noise(rng, shape, 40), 0, 1)
    line = thin * (1 - swell) + thick * swell
    dry = np.clip(1.15 + 0.9 * noise(rng, shape, 3), 0.3, 1)
    figure = np.clip(np.maximum(wash, 0.92 * warp(rng, line, 1.2, 25) * dry), 0, 1)
    body = downsample(buffers.mask.astype(np.float32), scene.size)
    ink = ink * (1 - body)
    ink = np.maximum(ink, downsample(figure, scene.size))
    black = np.float32([0.13, 0.12, 0.12])
    image = sheet * (1 - ink[..., None]) + black * ink[..., None]
    _seal(rng, image)
    return to_uint8(image)


def waves(rng: Rng, image: np.ndarray, top: float, color: np.ndarray) -> None:
    """Rows of overlapping arcs, in place."""
    height, width = image.shape[:2]
    radius = rng.uniform(9, 13)
    for row, y in enumerate(np.arange(top, height + 2 * radius, radius * 0.75)):
        for x in np.arange(-radius * (row % 2), width + radius, 2 * radius):
            for share in (1.0, 0.68, 0.36):
                circle(image, (x, y + radius), radius * share, color)
                circle(image, (x, y + radius), radius * share, (0.85, 0.9, 0.9), 1)


def paint_ukiyoe(rng: Rng, scene: Scene) -> np.ndarray:
    """Woodblock print: muted flat colors, thin lines, robes, a mountain, waves."""
    height, width = scene.size
    buffers = scene.buffers
    tint = np.array([0.72, 0.86, 0.92])
    inks = np.array([
        (0.45, 0.32, 0.2), (0.3, 0.35, 0.68), (0.42, 0.52, 0.42), (0.45, 0.62, 0.78),
        (0.35, 0.3, 0.42), (0.62, 0.55, 0.35),
    ])  # fmt: skip
    sky = rng.choice([(0.62, 0.5, 0.3), (0.45, 0.55, 0.78), (0.55, 0.62, 0.55)])
    image = gradient(scene.size, tint, tint)
    image[: height // 3] = gradient((height // 3, width), sky, tint)
    peak = np.array([rng.uniform(0.2, 0.8) * width, 0.2 * height])
    foot = scene.ground - 22
    slope = [
        (-0.55 * width, foot),
        (-0.12 * width, peak[1] + 28),
        (-9, peak[1]),
        (9, peak[1]),
        (0.12 * width, peak[1] + 28),
        (0.55 * width, foot),
    ]
    polygon(image, np.array(slope) + (peak[0], 0), inks[0] * 1.15)
    cap = [
        (-0.09 * width, peak[1] + 21),
        (-9, peak[1]),
        (9, peak[1]),
        (0.09 * width, peak[1] + 21),
        (5, peak[1] + 13),
        (-4, peak[1] + 20),
    ]
    polygon(image, np.array(cap) + (peak[0], 0), (0.92, 0.96, 0.97))
    waves(rng, image, foot, np.array(rng.choice([(0.5, 0.36, 0.2), (0.6, 0.5, 0.3)])))
    palettes = []
    for _ in scene.figures:
        picks = inks[rng.permutation(len(inks))]
        skin = np.array([0.8, 0.9, 0.96])
        palettes.append({
            'skin': skin, 'nose': skin * 0.93, 'hair': np.array([0.1, 0.1, 0.12]),
            'top': picks[0], 'bottom': picks[1], 'extra': picks[2],
            'shoe': np.array([0.25, 0.3, 0.4]), 'eye': np.array([0.08, 0.08, 0.1]),
            'mouth': np.array([0.25, 0.25, 0.7]),
        })  # fmt: skip
    color = paint_materials(buffers, palettes)
    add_patterns(rng, buffers, color, 0.65)
    line = outlines(buffers, 0.8, 2.0)
    color[line] = (0.1, 0.1, 0.13)
    image = compose(image, color, buffers.mask | line, scene.size)
    box = int(0.9 * width) if peak[0] < width / 2 else 6
    cv2.rectangle(image, (box, 8), (box + 11, 42), (0.3, 0.32, 0.72), -1)
    for y in range(12, 40, 6):
        cv2.line(image, (box + 3, y), (box + 8, y + 2), (0.1, 0.1, 0.12), 1)
    grain = 1 + 0.035 * noise(rng, (height, width), 2)
    return to_uint8(image * grain[..., None] * np.float32([0.93, 0.98, 1.0]))
