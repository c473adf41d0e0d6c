"""Photo-like images: places, light, soft shadows, blur and sensor noise."""

import cv2
import numpy as np

from .scene import Scene, SceneSpec
from .shading import (
    add_patterns,
    compose,
    gradient,
    hsv,
    light_up,
    noise,
    paint_materials,
    sample_palette,
    to_uint8,
)

Rng = np.random.Generator
Size = tuple[int, int]

PHOTO_SPEC = SceneSpec()


def _box(image: np.ndarray, x: float, y: float, w: float, h: float, color) -> None:
    """Fill a rectangle, with a corner and a size in pixels."""
    corner, far = (int(x), int(y)), (int(x + w), int(y + h))
    cv2.rectangle(image, corner, far, tuple(float(c) for c in color), -1)


def _soft(rng: Rng, value: float, saturation: float = 0.35) -> np.ndarray:
    """A muted color around a brightness."""
    return hsv(
        rng.random(),
        rng.uniform(0, saturation),
        np.clip(value + rng.uniform(-0.12, 0.12), 0.05, 1),
    )


def _room(rng: Rng, size: Size, horizon: int) -> np.ndarray:
    """A wall with images, a window or furniture, and a floor."""
    height, width = size
    wall = _soft(rng, rng.choice([0.35, 0.6, 0.8]))
    image = gradient(size, wall * 1.08, wall * 0.9)
    floor = _soft(rng, rng.choice([0.3, 0.5, 0.7]))
    image[horizon:] = gradient((height - horizon, width), floor * 0.85, floor * 1.1)
    for _ in range(rng.integers(0, 4)):
        w, h = rng.uniform(0.1, 0.28, 2) * width
        x, y = rng.uniform(-0.1, 0.95) * width, rng.uniform(0.02, 0.35) * height
        _box(image, x - 2, y - 2, w + 4, h + 4, wall * 0.6)
        _box(image, x, y, w, h, _soft(rng, 0.7, 0.5))
    for _ in range(rng.integers(0, 3)):
        w, h = rng.uniform(0.12, 0.35) * width, rng.uniform(0.1, 0.3) * height
        x, color = rng.uniform(-0.1, 0.9) * width, _soft(rng, 0.4, 0.6)
        _box(image, x, horizon + 5 - h, w, h, color)
        _box(image, x, horizon + 5 - h, w, 3, color * 1.25)
    cv2.line(image, (0, horizon), (width, horizon), tuple(floor * 0.5), 2)
    return image


def _landscape(rng: Rng, size: Size, horizon: int) -> np.ndarray:
    """Sky, hills, trees and a meadow, beach or snow."""
    height, width = size
    sky = hsv(rng.uniform(0.53, 0.62), rng.uniform(0.1, 0.5), rng.uniform(0.75, 1.0))
    image = gradient(size, sky, sky * 0.6 + 0.4)
    hill = hsv(rng.uniform(0.2, 0.6), rng.uniform(0.15, 0.4), rng.uniform(0.35, 0.6))
    ridge = horizon - 12 - 18 * (noise(rng, (2, width), 40)[0] + 0.6)
    rows = np.arange(height)[:, None]
    image[rows > ridge[None]] = hill
    ground = hsv(
        rng.choice([0.1, 0.13, 0.25, 0.3]), rng.uniform(0.1, 0.55), rng.uniform(0.45, 0.9)
    )
    image[horizon:] = gradient((height - horizon, width), ground * 0.85, ground * 1.08)
    leaf = hsv(rng.uniform(0.2, 0.38), rng.uniform(0.3, 0.6), rng.uniform(0.25, 0.45))
    for _ in range(rng.integers(0, 4)):
        x, top = rng.uniform(0, width), horizon - rng.uniform(0.15, 0.4) * height
        _box(image, x - 3, top, 6, horizon - top + 4, leaf * (0.6, 0.6, 1.0))
        for _ in range(7):
            spot = rng.normal((x, top), (9, 8)).astype(int)
            shade = leaf * rng.uniform(0.8, 1.2)
            cv2.circle(
                image,
                tuple(int(v) for v in spot),
                int(rng.uniform(6, 13)),
                tuple(shade),
                -1,
            )
    return image


def _street(rng: Rng, size: Size, horizon: int) -> np.ndarray:
    """House fronts with windows over a pavement."""
    height, width = size
    image = gradient(size, _soft(rng, 0.85), _soft(rng, 0.8))
    x = -rng.uniform(0, 20)
    while x < width:
        w, top = rng.uniform(35, 80), rng.uniform(-0.2, 0.3) * height
        front, pane = _soft(rng, 0.55), _soft(rng, rng.choice([0.25, 0.75]))
        _box(image, x, top, w, horizon - top, front)
        step_x, step_y = rng.uniform(14, 20), rng.uniform(18, 26)
        for wy in np.arange(top + 8, horizon - 16, step_y):
            for wx in np.arange(x + 6, x + w - 10, step_x):
                _box(image, wx, wy, step_x * 0.5, step_y * 0.5, pane)
        x += w
    pavement = _soft(rng, rng.choice([0.4, 0.6]), 0.12)
    image[horizon:] = gradient((height - horizon, width), pavement, pavement * 1.12)
    for offset in rng.uniform(-0.5, 1.5, rng.integers(0, 5)):
        start, end = int(width / 2), int(width * offset)
        cv2.line(image, (start, horizon - 30), (end, height), tuple(pavement * 0.8), 1)
    image[: horizon + 1] *= 0.95
    return image


def _studio(rng: Rng, size: Size, horizon: int) -> np.ndarray:
    """A plain backdrop with a soft spot of light."""
    height, width = size
    color = _soft(rng, rng.choice([0.25, 0.5, 0.75, 0.9]), 0.55)
    image = gradient(size, color, color)
    yy, xx = np.mgrid[:height, :width].astype(np.float32)
    cx, cy = rng.uniform(0.2, 0.8) * width, rng.uniform(0.2, 0.7) * height
    spot = np.exp(-((xx - cx) ** 2 + (yy - cy) ** 2) / (0.5 * width) ** 2)
    image *= (0.8 + 0.35 * spot)[..., None]
    image[horizon:] *= rng.uniform(0.85, 1.1)
    return image


def _blurry(rng: Rng, size: Size, horizon: int) -> np.ndarray:
    """Out-of-focus spots of color."""
    height, width = size
    image = gradient(size, _soft(rng, 0.45), _soft(rng, 0.55))
    for _ in range(rng.integers(10, 26)):
        spot = (int(rng.uniform(0, width)), int(rng.uniform(0, horizon)))
        color = _soft(rng, rng.uniform(0.2, 0.9), 0.6)
        cv2.circle(image, spot, int(rng.uniform(5, 24)), tuple(color), -1)
    ground = _soft(rng, 0.5)
    image[horizon:] = gradient((height - horizon, width), ground * 0.9, ground * 1.1)
    return cv2.GaussianBlur(image, (0, 0), rng.uniform(3, 7))


PLACES = (_room, _room, _landscape, _landscape, _street, _studio, _blurry)


def make_background(rng: Rng, scene: Scene) -> np.ndarray:
    """A place to stand in, (h, w, 3) float32 in 0 .. 1."""
    height, _ = scene.size
    horizon = int(np.clip(scene.ground - rng.uniform(10, 40), height * 0.5, height - 4))
    image = PLACES[rng.integers(len(PLACES))](rng, scene.size, horizon)
    image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 2.2))
    texture = noise(rng, scene.size, 3) * 0.5 + noise(rng, scene.size, 11)
    image *= (1 + rng.uniform(0.02, 0.07) * texture)[..., None]
    return np.clip(image, 0, 1).astype(np.float32)


def cast_shadow(rng: Rng, scene: Scene, image: np.ndarray, strength: float) -> None:
    """Darken the ground under every person, in place."""
    shadow = np.zeros(scene.size, np.float32)
    for figure in scene.figures:
        feet = figure.footing
        x, y = np.mean([f[0] for f in feet]), max(f[1] for f in feet)
        reach = np.ptp([f[0] for f in feet]) * 0.6 + 0.09 * figure.scale
        center, axes = (int(x), int(y)), (int(reach), int(0.035 * figure.scale) + 1)
        cv2.ellipse(shadow, center, axes, 0, 0, 360, 1.0, -1)
    shadow = cv2.GaussianBlur(shadow, (0, 0), rng.uniform(2, 4))
    image *= (1 - strength * shadow)[..., None]


def cover(rng: Rng, scene: Scene, image: np.ndarray) -> None:
    """Paint what stands in front of the people, in place."""
    if scene.occluder.any():
        texture = 1 + 0.12 * noise(rng, scene.size, 5)[..., None]
        color = _soft(rng, 0.45, 0.6) * texture
        image[scene.occluder] = color[scene.occluder]


def expose(
    rng: Rng, image: np.ndarray, blur: float, grain: float, contrast: float
) -> np.ndarray:
    """What a camera does: blur, white balance, contrast, vignette and noise.

    The image is (h, w, 3) float32 in 0 .. 1, ``blur`` a sigma in pixels, ``grain`` a
    standard deviation.
    """
    if blur > 0.3:
        image = cv2.GaussianBlur(image, (0, 0), blur)
    balance = rng.normal(1, 0.035, 3) * rng.uniform(0.88, 1.1)
    image = (image * balance - 0.5) * contrast + 0.5
    return image + rng.normal(0, grain, image.shape)


def paint_people(
    rng: Rng, scene: Scene, palettes: list, ambient: float = 0.5, patterns: float = 0.28
) -> tuple[np.ndarray, np.ndarray]:
    """Color and light the people naturally.

    Return supersampled (H, W, 3) float32 colors and the (3,) light direction.
    """
    color = paint_materials(scene.buffers, palettes)
    add_patterns(rng, scene.buffers, color, patterns)
    light = np.array([rng.uniform(-1, 1), rng.uniform(-1.1, -0.3), rng.uniform(0.5, 1)])
    color *= light_up(scene.buffers, light, ambient)[..., None]
    cloth = scene.buffers.of('top', 'bottom', 'extra')
    folds = 1 + 0.13 * noise(rng, scene.buffers.depth.shape, 9)
    color[cloth] *= folds[cloth][:, None]
    return color, light


def paint_photo(rng: Rng, scene: Scene) -> np.ndarray:
    """Paint a scene as an everyday photo, (h, w, 3) BGR, uint8."""
    image = make_background(rng, scene)
    mean = image.mean((0, 1))
    palettes = [sample_palette(rng, mean) for _ in scene.figures]
    cast_shadow(rng, scene, image, rng.uniform(0.25, 0.55))
    color, _ = paint_people(rng, scene, palettes, rng.uniform(0.42, 0.65))
    image = compose(image, color, scene.buffers.mask, scene.size)
    cover(rng, scene, image)
    image = expose(
        rng, image, rng.uniform(0, 0.8), rng.uniform(0.004, 0.02), rng.uniform(0.85, 1.12)
    )
    return to_uint8(image)
