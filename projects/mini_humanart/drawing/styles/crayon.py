"""Crayon people with round heads: kids_drawing."""

import numpy as np

from ..figure import Figure
from ..scene import Scene, SceneSpec
from ..shading import hsv, noise, to_uint8
from .strokes import bones, circle, hatching, paper, polygon, warp, wobbly_line

Rng = np.random.Generator

KIDS_DRAWING = SceneSpec(
    {'standing': 45, 'cheering': 35, 'walking': 12, 'dancing': 8},
    {'head': 1.9, 'arms': 0.95, 'legs': 0.85, 'hips': 1.3, 'shoulders': 0.9},
    back_view=0, profile=0.05, cropped=0, occluded=0, margin=0.07,
)  # fmt: skip


def _crayon(rng: Rng) -> np.ndarray:
    return hsv(rng.random(), rng.uniform(0.65, 0.95), rng.uniform(0.55, 0.95))


def _scribble(
    rng: Rng, image: np.ndarray, region: np.ndarray, color: np.ndarray, gap: float
) -> None:
    """Fill a bool region with a zigzag of crayon, in place."""
    zigzag = hatching(rng, region.shape, gap, rng.uniform(0.3, 1.2))
    strength = (np.clip(zigzag * 1.6, 0, 1) * region)[..., None]
    image += strength * (np.float32(color) - image)


def _kids_scenery(rng: Rng, image: np.ndarray, ground: float) -> None:
    """Sun, grass, perhaps a house and a cloud, in place."""
    height, width = image.shape[:2]
    side = rng.choice([0, width])
    circle(image, (side, 0), 20, (0.1, 0.8, 1.0))
    for angle in np.linspace(0, 2 * np.pi, 18):
        ray = np.array([np.cos(angle), np.sin(angle)])
        wobbly_line(
            rng, image, np.stack([24 * ray, 34 * ray]) + (side, 0), (0.1, 0.75, 1.0), 2, 0.5
        )
    for x in np.arange(0, width, 4):
        top = ground - rng.uniform(-2, 8)
        blade = np.array([(x, height), (x + rng.uniform(-2, 2), top)])
        wobbly_line(rng, image, blade, (0.25, rng.uniform(0.55, 0.75), 0.25), 2, 0.6)
    if rng.random() < 0.6:
        x, w = rng.choice([0.02, 0.72]) * width, 0.26 * width
        wall = [
            (x, ground - 6),
            (x, ground - 42),
            (x + w, ground - 42),
            (x + w, ground - 6),
            (x, ground - 6),
        ]
        roof = [(x - 4, ground - 42), (x + w / 2, ground - 66), (x + w + 4, ground - 42)]
        wobbly_line(rng, image, np.array(wall), _crayon(rng), 2, 0.7)
        wobbly_line(rng, image, np.array(roof), _crayon(rng), 3, 0.7)


def _kids_person(rng: Rng, image: np.ndarray, figure: Figure) -> None:
    """A round head on a filled body with thick line limbs, in place."""
    points = {name: point[:2] for name, point in figure.points.items()}
    skin, cloth, legs, hair = (_crayon(rng) for _ in range(4))
    skin = np.array([0.45, 0.62, 0.95]) if rng.random() < 0.7 else skin * 0.6
    hair = hair * rng.uniform(0.3, 0.9)
    unit = figure.scale

    def draw_limb(name: str) -> None:
        chain, leg = limbs[name][:, :2], name.endswith('leg')
        wobbly_line(rng, image, chain, legs if leg else skin, 0.03 * unit, 0.5)
        circle(
            image,
            chain[-1] * 0.85 + chain[-2] * 0.15,
            0.022 * unit,
            legs * 0.5 if leg else skin,
        )

    limbs = bones(figure.points)
    depth = figure.points['chest'][2]
    front = [n for n, c in limbs.items() if n.endswith('arm') and c[1:, 2].mean() > depth]
    for name in limbs:
        if name not in front:
            draw_limb(name)
    flare = rng.choice([1.0, 1.9])
    middle = (points['left_hip'] + points['right_hip']) / 2
    body = np.array([
        points['left_shoulder'], points['right_shoulder'],
        middle + (points['right_hip'] - middle) * flare,
        middle + (points['left_hip'] - middle) * flare,
    ])  # fmt: skip
    region = np.zeros(image.shape[:2], np.float32)
    polygon(region, body, (1.0,))
    image += 0.55 * region[..., None] * (np.float32(cloth) - image)
    _scribble(rng, image, region > 0.5, cloth * 0.9, 4)
    wobbly_line(rng, image, np.concatenate([body, body[:1]]), cloth * 0.6, 2, 0.4)
    wobbly_line(
        rng, image, np.stack([points['neck'], points['chin']]), skin, 0.03 * unit, 0.2
    )
    head = points['skull'] * 0.55 + points['chin'] * 0.45
    radius = 0.076 * figure.build.head * unit
    circle(image, head, radius, np.minimum(skin * 0.4 + 0.58, 1))
    circle(image, head, radius, hair * 0.5, 2)
    up = (points['skull'] - points['chin']) / np.linalg.norm(
        points['skull'] - points['chin']
    )
    for _ in range(26):
        start = head + radius * (
            up * rng.uniform(0.75, 1.0) + up[::-1] * (-1, 1) * rng.uniform(-0.75, 0.75)
        )
        end = start + up * rng.uniform(2, 7) + rng.normal(0, 3, 2)
        wobbly_line(rng, image, np.stack([start, end]), hair, 2, 0.3)
    for side in ('left', 'right'):
        circle(image, points[f'{side}_eye'], 0.012 * unit, (0.1, 0.05, 0.05))
        circle(image, points[f'{side}_ear'], 0.018 * unit, hair * 0.5, 2)
    circle(image, points['nose'], 0.009 * unit, (0.2, 0.2, 0.7))
    across = (points['left_eye'] - points['right_eye']) * 0.5
    smile = np.stack(
        [
            points['mouth'] - across,
            points['mouth'] - up * 0.02 * unit,
            points['mouth'] + across,
        ]
    )
    wobbly_line(rng, image, smile, (0.15, 0.1, 0.75), 2, 0.2)
    for name in front:
        draw_limb(name)


def paint_kids_drawing(rng: Rng, scene: Scene) -> np.ndarray:
    """Crayon people with round heads, a sun in the corner and grass."""
    sheet = paper(rng, scene.size, (0.97, 0.98, 0.98), 0.015)
    image = sheet.copy()
    _kids_scenery(rng, image, scene.ground)
    for figure in scene.figures:
        _kids_person(rng, image, figure)
    # wax does not reach the valleys of the paper
    wax = np.clip(0.86 + 0.45 * noise(rng, scene.size, 1.4), 0.35, 1)[..., None]
    image = warp(rng, image.astype(np.float32), 0.8, 9)
    return to_uint8(sheet * (1 - wax) + image * wax)
