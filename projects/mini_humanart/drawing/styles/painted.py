"""Paintings: mural, oil_painting and watercolor."""

import cv2
import numpy as np

from ..photo import make_background
from ..scene import Scene, SceneSpec
from ..shading import (
    add_patterns,
    compose,
    downsample,
    hsv,
    light_up,
    noise,
    paint_materials,
    sample_palette,
    to_uint8,
)
from . import wardrobe
from .strokes import bones, circle, outlines, paper, warp, wobbly_line

Rng = np.random.Generator

MURAL = SceneSpec(
    wardrobe.CEREMONIAL,
    {'girth': 1.1, 'head': 1.1},
    wardrobe.robed_or_plain,
    people=(0.3, 0.4, 0.3),
    profile=0.5,
    cropped=0,
    occluded=0,
)
OIL_PAINTING = SceneSpec(wardrobe.CALM, occluded=0)
WATERCOLOR = SceneSpec(wardrobe.LIVELY, cropped=0, occluded=0)


def cracks(rng: Rng, image: np.ndarray, number: int, color) -> None:
    """Random walks of broken plaster, in place."""
    height, width = image.shape[:2]
    for _ in range(number):
        steps = rng.normal(0, 4, (rng.integers(12, 30), 2))
        walk = rng.uniform((0, 0), (width, height)) + np.cumsum(
            steps + rng.normal(0, 3, 2), 0
        )
        wobbly_line(rng, image, walk, color, 1, 0.4)


def paint_mural(rng: Rng, scene: Scene) -> np.ndarray:
    """Faded earth colors with dark contours on cracked plaster."""
    height, width = scene.size
    buffers = scene.buffers
    plaster = paper(rng, scene.size, rng.choice([(0.55, 0.7, 0.8), (0.5, 0.62, 0.7)]), 0.1)
    earth = np.array([
        (0.22, 0.3, 0.62), (0.28, 0.5, 0.72), (0.42, 0.48, 0.32), (0.62, 0.5, 0.32),
        (0.75, 0.85, 0.88), (0.18, 0.25, 0.38),
    ])  # fmt: skip
    image = plaster.copy()
    band, strip = int(0.07 * height), earth[rng.integers(4)]
    for top in (0, height - band):
        image[top : top + band] = strip
        for x in range(0, width, 16):
            circle(image, (x + 8, top + band / 2), band * 0.3, earth[1])
    halo = earth[rng.integers(1, 4)]
    palettes = []
    for figure in scene.figures:
        circle(image, figure.points['skull'], 0.14 * figure.scale, halo)
        picks = earth[rng.permutation(len(earth))]
        palette = sample_palette(rng, plaster.mean((0, 1)))
        skin = np.array(rng.choice([(0.45, 0.6, 0.8), (0.25, 0.38, 0.6)]))
        palettes.append(
            {
                **palette,
                'skin': skin,
                'nose': skin * 0.8,
                'hair': np.array([0.12, 0.13, 0.16]),
                'top': picks[0],
                'bottom': picks[1],
                'extra': picks[2],
                'shoe': picks[3],
            }
        )
    color = paint_materials(buffers, palettes)
    add_patterns(rng, buffers, color, 0.25)
    color *= 0.85 + 0.15 * light_up(buffers, np.array([0, -0.5, 1]), 0.4)[..., None]
    line = outlines(buffers, 1.3)
    color[line] = (0.12, 0.14, 0.25)
    image = compose(image, color, buffers.mask | line, scene.size)
    worn = 0.25 + 0.4 * noise(rng, scene.size, 22) + 0.25 * noise(rng, scene.size, 3)
    worn = np.clip(worn, 0.08, 0.8)[..., None]
    image = image * (1 - worn) + plaster * worn
    lost = noise(rng, scene.size, 26) + 0.25 * noise(rng, scene.size, 4) > 0.95
    image[lost] = plaster[lost] * 1.12
    cracks(rng, image, rng.integers(6, 11), (0.25, 0.3, 0.36))
    return to_uint8(image * (1 + 0.06 * noise(rng, scene.size, 1.5))[..., None])


def brush(
    rng: Rng, image: np.ndarray, source: np.ndarray, spots: np.ndarray, size: float
) -> None:
    """Cover ``image`` with oriented strokes that take their color from ``source``."""
    gray = cv2.GaussianBlur(source.mean(-1), (0, 0), 2)
    dx, dy = cv2.Sobel(gray, -1, 1, 0), cv2.Sobel(gray, -1, 0, 1)
    flow = 3 * noise(rng, gray.shape, 60)
    steep = np.hypot(dx, dy) > 0.08
    # along the edges where there are some, else with the flow of the hand
    angles = np.where(steep, np.arctan2(dx, -dy), flow)
    for x, y in spots.astype(int):
        angle = angles[y, x]
        reach = size * np.array([np.cos(angle), np.sin(angle)])
        color = source[y, x] * rng.uniform(0.9, 1.1) + rng.normal(0, 0.015, 3)
        start, end = np.array([x, y]) - reach, np.array([x, y]) + reach
        cv2.line(
            image,
            tuple(int(v) for v in start),
            tuple(int(v) for v in end),
            tuple(map(float, color)),
            max(1, int(size * 0.75)),
            cv2.LINE_AA,
        )


def paint_oil_painting(rng: Rng, scene: Scene) -> np.ndarray:
    """Thick oriented strokes, warm varnish and canvas."""
    height, width = scene.size
    buffers = scene.buffers
    scenery = make_background(rng, scene) * 0.75 * np.float32([0.7, 0.9, 1.0])
    palettes = []
    for _ in scene.figures:
        palette = sample_palette(rng, scenery.mean((0, 1)))
        palettes.append({k: c * (0.85, 0.95, 1.05) for k, c in palette.items()})
    color = paint_materials(buffers, palettes)
    color *= light_up(buffers, np.array([-0.8, -0.7, 0.5]), 0.25, 0.5)[..., None]
    source = np.clip(compose(scenery, color * 1.1, buffers.mask, scene.size), 0, 1)
    image = cv2.GaussianBlur(source, (0, 0), 2)
    everywhere = rng.uniform((0, 0), (width, height), (height * width // 28, 2))
    brush(rng, image, source, everywhere, 5)
    body = downsample(buffers.mask.astype(np.float32), scene.size)
    ys, xs = np.nonzero(cv2.dilate(body, np.ones((3, 3))) > 0.3)
    picks = rng.integers(0, len(xs), len(xs) // 3)
    brush(rng, image, source, np.stack([xs[picks], ys[picks]], 1), 1.6)
    image = cv2.GaussianBlur(image, (0, 0), 0.55)
    # relief of the paint, lit from the upper left
    thick = image.mean(-1) + 0.05 * noise(rng, scene.size, 1.5)
    relief = thick - np.roll(thick, (1, 1), (0, 1))
    weave = 0.012 * (
        np.sin(np.arange(width) * 2.1)[None] + np.sin(np.arange(height) * 2.1)[:, None]
    )
    image = image * (1 + weave)[..., None] + 0.2 * relief[..., None]
    return to_uint8(image * np.float32([0.82, 0.97, 1.08]))


def paint_watercolor(rng: Rng, scene: Scene) -> np.ndarray:
    """Wet washes with dark rims and bleeding edges on rough white paper."""
    height, width = scene.size
    buffers = scene.buffers
    sheet = paper(rng, scene.size, (0.96, 0.98, 0.98), 0.025)
    image = sheet.copy()
    body = downsample(buffers.mask.astype(np.float32), scene.size)
    for _ in range(rng.integers(4, 7)):
        pool = np.zeros(scene.size, np.float32)
        center = rng.uniform((0, 0), (width, scene.ground))
        circle(pool, center, rng.uniform(0.12, 0.3) * width, (1.0,))
        pool = cv2.GaussianBlur(warp(rng, pool, 14, 18), (0, 0), 2.5)
        rim = np.clip(pool * (1 - pool) * 4, 0, 1)
        tint = 1 - hsv(rng.uniform(0.15, 0.65), 0.45, 0.95)
        strength = pool * 0.55 * (1 + 0.5 * noise(rng, scene.size, 12)) + 0.15 * rim
        # the painter leaves the people white
        strength *= 1 - 0.8 * body
        image *= 1 - strength[..., None] * tint.astype(np.float32)
    palettes = []
    for _ in scene.figures:
        palette = sample_palette(rng, np.ones(3))
        for name in ('top', 'bottom', 'extra'):
            palette[name] = hsv(
                rng.random(), rng.uniform(0.45, 0.8), rng.uniform(0.55, 0.9)
            )
        palettes.append(palette)
    color = paint_materials(buffers, palettes)
    tone = light_up(buffers, np.array([-0.6, -0.7, 0.6]), 0.35, 0.3)[..., None]
    density = (1 - color) * (1.35 - 0.6 * tone)
    density = np.where(buffers.mask[..., None], density, 0).astype(np.float32)
    density = cv2.GaussianBlur(warp(rng, density, 2.5, 12), (0, 0), 1.6)
    # pigment gathers at the rim of every wash
    rim = np.abs(density - cv2.GaussianBlur(density, (0, 0), 3.5))
    density = density * (1 + 0.45 * noise(rng, buffers.depth.shape, 16))[..., None]
    density = downsample(density + 0.9 * rim, scene.size)
    image *= 1 - np.clip(density * 0.92, 0, 0.95)
    for figure in scene.figures:
        for chain in bones(figure.points).values():
            if rng.random() < 0.3:
                drop = chain[-1, :2] + rng.normal(0, 10, 2)
                circle(image, drop, rng.uniform(0.6, 2), palettes[0]['top'])
    grain = 1 + 0.05 * noise(rng, scene.size, 1.4)
    return to_uint8(image * grain[..., None])
