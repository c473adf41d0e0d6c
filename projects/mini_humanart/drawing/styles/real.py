"""Photos of people who perform: acrobatics, cosplay, dance, drama and movie."""

import cv2
import numpy as np

from ..photo import cast_shadow, expose, make_background, paint_people
from ..scene import Scene, SceneSpec
from ..shading import compose, gradient, hsv, noise, sample_palette, to_uint8
from . import wardrobe

Rng = np.random.Generator
Size = tuple[int, int]

ACROBATICS = SceneSpec(
    wardrobe.ACROBATIC,
    outfit=wardrobe.gymnast,
    people=(0.6, 0.3, 0.1),
    cropped=0,
    occluded=0,
)
COSPLAY = SceneSpec(wardrobe.HEROIC, outfit=wardrobe.costume, occluded=0)
DANCE = SceneSpec(wardrobe.DANCE, outfit=wardrobe.dancer, cropped=0, occluded=0)
DRAMA = SceneSpec(wardrobe.CEREMONIAL, outfit=wardrobe.robed, occluded=0)
MOVIE = SceneSpec(people=(0.5, 0.38, 0.12), cropped=0, occluded=0, margin=0.1)


def _light_cones(rng: Rng, size: Size, tints: list[np.ndarray]) -> np.ndarray:
    """Beams of colored stage light from above, (h, w, 3) float32 to be added."""
    height, width = size
    beams = np.zeros((*size, 3), np.float32)
    for tint in tints:
        top, foot = rng.uniform(0, width, 2)
        spread = rng.uniform(0.12, 0.3) * width
        beam = np.zeros((*size, 3), np.float32)
        corners = [
            (top - 3, -5),
            (top + 3, -5),
            (foot + spread, height),
            (foot - spread, height),
        ]
        cv2.fillPoly(beam, [np.int32(corners)], tuple(map(float, tint)))
        beams += cv2.GaussianBlur(beam, (0, 0), 4)
    return beams * np.linspace(1, 0.4, height, dtype=np.float32)[:, None, None]


def _planks(rng: Rng, image: np.ndarray, horizon: int, color: np.ndarray) -> None:
    """A wooden floor that runs towards the back, in place."""
    height, width = image.shape[:2]
    image[horizon:] = gradient((height - horizon, width), color * 0.6, color)
    for x in np.arange(-width, 2 * width, 26) + rng.uniform(0, 26):
        start = (int(width / 2 + (x - width / 2) * 0.5), horizon)
        cv2.line(image, start, (int(x), height), tuple(color * 0.55), 1, cv2.LINE_AA)


def paint_acrobatics(rng: Rng, scene: Scene) -> np.ndarray:
    """A circus ring under colored beams, the audience in the dark."""
    height, width = scene.size
    hall = hsv(rng.uniform(0.6, 0.95), 0.75, 0.16)
    image = gradient(scene.size, hall * 0.6, hall * 1.4)
    horizon = scene.horizon(rng.uniform(16, 34))
    for _ in range(90):
        spot = (int(rng.uniform(0, width)), int(horizon - rng.uniform(4, 40)))
        cv2.circle(image, spot, 2, tuple(hall * rng.uniform(1.5, 3.2)), -1)
    image = cv2.GaussianBlur(image, (0, 0), 1.2)
    ring = hsv(rng.choice([0.0, 0.1, 0.58]), 0.75, 0.55)
    image[horizon:] = gradient((height - horizon, width), ring * 0.7, ring)
    cv2.rectangle(image, (0, horizon - 5), (width, horizon), tuple(ring * 1.5), -1)
    for x in range(int(rng.uniform(0, 14)), width, 28):
        cv2.rectangle(image, (x, horizon - 5), (x + 13, horizon), (0.8, 0.9, 0.95), -1)
    tints = [hsv(rng.random(), 0.5, 0.33) for _ in range(3)]
    image = image + _light_cones(rng, scene.size, tints)
    palettes = []
    for _ in scene.figures:
        palette = sample_palette(rng, image.mean((0, 1)))
        palette['top'] = hsv(rng.random(), 0.85, 0.85)
        palette['bottom'] = palette['top']
        palette['shoe'] = palette['skin'] * 0.95
        palettes.append(palette)
    cast_shadow(rng, scene, image, 0.5)
    color, _ = paint_people(rng, scene, palettes, 0.3, 0.35)
    color *= 0.85 + 0.5 * tints[0].astype(np.float32)
    image = compose(image, color, scene.buffers.mask, scene.size)
    return to_uint8(expose(rng, image, 0.4, 0.02, 1.12))


def paint_cosplay(rng: Rng, scene: Scene) -> np.ndarray:
    """Bright wigs and costumes in a convention hall full of booths."""
    height, width = scene.size
    image = gradient(scene.size, np.full(3, 0.82), np.full(3, 0.68))
    horizon = scene.horizon(rng.uniform(14, 30))
    for _ in range(rng.integers(5, 9)):
        x, w = rng.uniform(-20, width), rng.uniform(18, 55)
        top = rng.uniform(0.05, 0.5) * height
        booth = hsv(rng.random(), rng.uniform(0.4, 0.8), rng.uniform(0.5, 0.9))
        cv2.rectangle(image, (int(x), int(top)), (int(x + w), horizon), tuple(booth), -1)
        cv2.rectangle(
            image, (int(x), int(top)), (int(x + w), int(top) + 9), tuple(booth * 0.5), -1
        )
    for x in range(10, width, 36):
        cv2.line(image, (x, 4), (x + 22, 4), (1.4, 1.4, 1.4), 3)
    floor = np.full(3, rng.uniform(0.4, 0.6))
    image[horizon:] = gradient((height - horizon, width), floor, floor * 1.15)
    image = cv2.GaussianBlur(image, (0, 0), rng.uniform(2, 3.5))
    image = image * 0.8 + 0.12
    palettes = []
    for _ in scene.figures:
        palette = sample_palette(rng, image.mean((0, 1)))
        hue = rng.random()
        palette['hair'] = hsv(rng.random(), 0.8, 0.9)
        palette['top'] = hsv(hue, 0.85, 0.7)
        palette['bottom'] = hsv(hue + rng.choice([0.0, 0.33, 0.5]), 0.8, 0.4)
        palette['extra'] = hsv(hue + rng.uniform(0.35, 0.65), 0.9, 0.75)
        palette['eye'] = hsv(rng.random(), 0.9, 0.3)
        palettes.append(palette)
    cast_shadow(rng, scene, image, 0.35)
    color, _ = paint_people(rng, scene, palettes, 0.6, 0.15)
    shine = np.maximum(scene.buffers.normal[..., 2] - 0.8, 0) * 1.2
    shiny = scene.buffers.of('extra', 'shoe', 'top')
    color[shiny] += shine[shiny][:, None]
    image = compose(image, color, scene.buffers.mask, scene.size)
    return to_uint8(expose(rng, image, 0.3, 0.008, 1.15))


def paint_dance(rng: Rng, scene: Scene) -> np.ndarray:
    """A studio with a wooden floor, a spot of light and the blur of movement."""
    height, width = scene.size
    wall = hsv(rng.random(), rng.uniform(0.15, 0.5), rng.uniform(0.12, 0.4))
    image = gradient(scene.size, wall * 0.7, wall * 1.2)
    horizon = scene.horizon(rng.uniform(22, 40))
    rail = int(horizon - 0.3 * height)
    for x in np.arange(rng.uniform(0, 60), width, 60):
        cv2.line(image, (int(x), 0), (int(x), horizon), tuple(wall * 1.7), 2)
    cv2.line(image, (0, rail), (width, rail), (0.3, 0.45, 0.6), 3)
    _planks(rng, image, horizon, np.array([0.25, 0.42, 0.62]) * rng.uniform(0.7, 1.1))
    image += _light_cones(rng, scene.size, [hsv(rng.random(), 0.35, 0.35)] * 2)
    palettes = [sample_palette(rng, image.mean((0, 1))) for _ in scene.figures]
    cast_shadow(rng, scene, image, 0.45)
    color, _ = paint_people(rng, scene, palettes, 0.4, 0.1)
    mask = scene.buffers.mask
    sharp = compose(image, color, mask, scene.size)
    # a trail of the movement shows beside the sharp body
    length = int(rng.uniform(9, 19)) | 1
    angle = rng.uniform(-35, 35)
    turn = cv2.getRotationMatrix2D((length / 2, length / 2), angle, 1.0)
    streak = np.zeros((length, length), np.float32)
    streak[length // 2] = 1
    streak = cv2.warpAffine(streak, turn, (length, length))
    trail = cv2.filter2D(sharp, -1, streak / streak.sum())
    image = compose(trail, color, mask, scene.size) * 0.8 + trail * 0.2
    return to_uint8(expose(rng, image, 0, 0.015, 1.1))


def paint_drama(rng: Rng, scene: Scene) -> np.ndarray:
    """Historical robes on a stage, in front of a heavy curtain."""
    height, width = scene.size
    hue = rng.choice([0.0, 0.98, 0.08, 0.38, 0.62], p=[0.4, 0.25, 0.15, 0.1, 0.1])
    curtain = hsv(hue, 0.85, 0.5)
    fold = np.arange(width) / rng.uniform(9, 16) + noise(rng, (2, width), 30)[0]
    shade = 0.62 + 0.38 * np.sin(2 * np.pi * fold)
    image = np.repeat((curtain * shade[:, None])[None], height, 0).astype(np.float32)
    image *= np.linspace(0.6, 1.05, height, dtype=np.float32)[:, None, None]
    scallop = np.abs(np.sin(np.arange(width) / width * np.pi * 3)) * 0.07 + 0.05
    rows = np.arange(height)[:, None] / height
    image[rows < scallop[None]] = curtain * 0.7
    image[np.abs(rows - scallop[None]) < 0.014] = (0.2, 0.62, 0.8)
    _planks(rng, image, scene.horizon(rng.uniform(12, 26)), np.array([0.2, 0.33, 0.5]))
    palettes = []
    for _ in scene.figures:
        palette = sample_palette(rng, image.mean((0, 1)))
        palette['top'] = hsv(
            rng.choice([0.13, 0.35, 0.55, 0.62, 0.78]),
            rng.uniform(0.3, 0.75),
            rng.uniform(0.5, 0.9),
        )
        palette['extra'] = np.array([0.15, 0.6, 0.8])
        palette['hair'] = palette['hair'] * 0.6
        palettes.append(palette)
    cast_shadow(rng, scene, image, 0.5)
    color, _ = paint_people(rng, scene, palettes, 0.4, 0.5)
    image = compose(image, color, scene.buffers.mask, scene.size)
    warm = gradient(scene.size, np.array([0.75, 0.85, 0.95]), np.array([0.85, 1.1, 1.25]))
    return to_uint8(expose(rng, image * warm, 0.4, 0.012, 1.1))


def paint_movie(rng: Rng, scene: Scene) -> np.ndarray:
    """A dark, teal and orange film frame between black bars."""
    height, width = scene.size
    image = cv2.GaussianBlur(make_background(rng, scene), (0, 0), 2.5) * 0.5
    palettes = []
    for _ in scene.figures:
        palette = sample_palette(rng, image.mean((0, 1)))
        palettes.append({k: c * 0.9 + c.mean() * 0.1 for k, c in palette.items()})
    cast_shadow(rng, scene, image, 0.5)
    color, light = paint_people(rng, scene, palettes, 0.2, 0.1)
    # a rim of cold light from behind, opposite to the key light
    side = -np.sign(light[0]) * scene.buffers.normal[..., 0]
    rim = np.clip(side - 0.55, 0, 1) * 1.2
    color = color * 0.9 + rim[..., None] * np.float32([0.8, 0.65, 0.35])
    image = compose(image, color, scene.buffers.mask, scene.size)
    tone = image.mean(-1, keepdims=True)
    cold, warm = np.float32([0.10, 0.06, -0.04]), np.float32([-0.10, 0.0, 0.08])
    image = image + np.where(tone < 0.3, cold * (1 - tone / 0.3), warm * (tone - 0.3))
    yy, xx = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    image = image * (1.1 - 0.35 * (xx**2 + yy**2))[..., None]
    image = expose(rng, image, 0.4, 0.025, 1.2)
    bar = int(0.075 * height)
    image[:bar] = 0.0
    image[-bar:] = 0.0
    return to_uint8(image)
