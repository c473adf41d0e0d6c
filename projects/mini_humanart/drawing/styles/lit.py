"""Images lit from behind: shadow_play and stained_glass."""

import cv2
import numpy as np

from ..figure import MATERIALS
from ..scene import Scene, SceneSpec
from ..shading import compose, gradient, hsv, light_up, noise, paint_materials, to_uint8
from . import wardrobe
from .strokes import circle, outlines, polygon, wobbly_line

Rng = np.random.Generator

SHADOW_PLAY = SceneSpec(
    {**wardrobe.LIVELY, 'bowing': 6}, {'head': 1.15, 'arms': 1.08},
    people=(0.45, 0.45, 0.1), back_view=0.05, profile=0.8, cropped=0, occluded=0,
    margin=0.05,
)  # fmt: skip
STAINED_GLASS = SceneSpec(
    wardrobe.CEREMONIAL, {'head': 1.15, 'girth': 1.15}, wardrobe.robed_or_plain,
    people=(0.7, 0.25, 0.05), back_view=0.05, profile=0.2, cropped=0, occluded=0,
    margin=0.05,
)  # fmt: skip

_JOINTS = ('shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle')


def _glowing_screen(rng: Rng, scene: Scene) -> np.ndarray:
    """A cloth lit by a lamp, with cut-out scenery at its rim."""
    height, width = scene.size
    yy, xx = np.mgrid[:height, :width].astype(np.float32)
    cx, cy = rng.uniform(0.35, 0.65) * width, rng.uniform(0.3, 0.5) * height
    lamp = np.exp(-((xx - cx) ** 2 + (yy - cy) ** 2) / (0.62 * width) ** 2)[..., None]
    glow = hsv(rng.uniform(0.09, 0.14), 0.45, 1.0)
    edge = hsv(rng.uniform(0.03, 0.08), 0.9, 0.5)
    image = (lamp * glow + (1 - lamp) * edge).astype(np.float32)
    image *= 1 + 0.03 * (np.sin(xx * 2.2) + np.sin(yy * 2.2))[..., None]
    dark = (0.06, 0.1, 0.2)
    floor = scene.ground + 2
    polygon(image, [(0, floor), (width, floor), (width, height), (0, height)], dark)
    side = rng.choice([0.0, 1.0]) * width
    trunk = [(side, floor), (side + rng.uniform(-6, 6), 0.15 * height)]
    wobbly_line(rng, image, np.array(trunk), dark, 6, 1.0)
    for _ in range(14):
        leaf = rng.normal((side, 0.15 * height), (16, 14))
        circle(image, leaf, rng.uniform(3, 7), dark)
    return image


def paint_shadow_play(rng: Rng, scene: Scene) -> np.ndarray:
    """Leather puppets: silhouettes with pierced joints before a glowing screen."""
    buffers = scene.buffers
    image = _glowing_screen(rng, scene)
    table = []
    for _ in scene.figures:
        dark = hsv(rng.uniform(0.02, 0.1), 0.7, rng.uniform(0.08, 0.2))
        palette = {name: dark for name in MATERIALS}
        if rng.random() < 0.5:
            # thin colored leather lets some light through
            palette['top'] = hsv(rng.choice([0.0, 0.3, 0.45]), 0.8, 0.38)
            palette['bottom'] = hsv(rng.choice([0.02, 0.1, 0.4]), 0.8, 0.3)
        table.append(palette)
    color = paint_materials(buffers, table)
    light = np.float32([0.25, 0.6, 0.95])
    seams = outlines(buffers, 0.6) & buffers.mask
    inside = cv2.erode(buffers.mask.astype(np.uint8), np.ones((5, 5))) > 0
    cuts = seams & inside
    # rows of punched holes along the limbs and across the clothes
    step = 5.5 * buffers.scale
    row = (buffers.along % step < 0.3 * step) & (np.abs(buffers.across) < 0.28)
    cuts |= row & inside & buffers.of('top', 'bottom', 'extra')
    color[cuts] = light * 0.75
    image = compose(image, color, buffers.mask, scene.size)
    for figure, labels in zip(scene.figures, scene.keypoints, strict=True):
        seen = {
            name
            for name, label in zip(
                (f'{side}_{joint}' for joint in _JOINTS for side in ('left', 'right')),
                labels[5:17],
                strict=True,
            )
            if label[2] == 2
        }
        for name in sorted(seen):
            circle(image, figure.points[name], 0.012 * figure.scale, light)
        for row, name in ((1, 'left_eye'), (2, 'right_eye')):
            if labels[row, 2] == 2:
                circle(image, figure.points[name], 0.011 * figure.scale, light)
        # the sticks that move the hands
        for side in ('left', 'right'):
            hand = figure.points[f'{side}_wrist'][:2]
            stick = np.stack([hand, (hand[0] + rng.uniform(-25, 25), scene.size[0])])
            wobbly_line(rng, image, stick, (0.12, 0.2, 0.32), 1, 0)
    image = cv2.GaussianBlur(image, (0, 0), 0.6)
    return to_uint8(image * (1 + 0.03 * noise(rng, scene.size, 2))[..., None])


def panes(rng: Rng, size: tuple[int, int], number: int) -> np.ndarray:
    """Divide a frame into Voronoi cells, (h, w) int."""
    height, width = size
    seeds = rng.uniform((0, 0), (width, height), (number, 2)).astype(np.float32)
    yy, xx = np.mgrid[:height, :width].astype(np.float32)
    cells = np.zeros(size, np.int32)
    nearest = np.full(size, np.inf, np.float32)
    for index, (x, y) in enumerate(seeds):
        distance = (xx - x) ** 2 + (yy - y) ** 2
        closer = distance < nearest
        nearest[closer] = distance[closer]
        cells[closer] = index
    return cells


def paint_stained_glass(rng: Rng, scene: Scene) -> np.ndarray:
    """Saturated panes between lead lines in an arched window."""
    height, width = scene.size
    buffers = scene.buffers
    cells = panes(rng, scene.size, int(rng.integers(24, 44)))
    hue = rng.random()
    glass = np.array([
        hsv(hue + rng.choice([0.0, 0.08, 0.5]) + rng.normal(0, 0.03),
            rng.uniform(0.6, 0.95), rng.uniform(0.45, 0.9))
        for _ in range(cells.max() + 1)
    ], np.float32)  # fmt: skip
    image = glass[cells]
    lead = np.zeros(scene.size, np.uint8)
    lead[:, 1:] |= (cells[:, 1:] != cells[:, :-1]).astype(np.uint8)
    lead[1:] |= (cells[1:] != cells[:-1]).astype(np.uint8)
    black = np.float32([0.06, 0.06, 0.05])
    image[cv2.dilate(lead, np.ones((2, 2))) > 0] = black
    palettes = []
    for figure in scene.figures:
        circle(image, figure.points['skull'], 0.135 * figure.scale, (0.1, 0.75, 0.95))
        circle(image, figure.points['skull'], 0.135 * figure.scale, black, 2)
        own = hue + rng.uniform(0.25, 0.75)
        palettes.append({
            'skin': hsv(0.09, 0.25, 0.98), 'hair': hsv(0.07, 0.8, 0.35),
            'top': hsv(own, 0.9, 0.85), 'bottom': hsv(own + 0.3, 0.85, 0.7),
            'shoe': hsv(own + 0.1, 0.7, 0.4), 'extra': hsv(0.14, 0.8, 0.95),
            'eye': black, 'mouth': hsv(0.0, 0.8, 0.6), 'nose': hsv(0.07, 0.45, 0.8),
        })  # fmt: skip
    color = paint_materials(buffers, palettes)
    # large garments are cut into panes of their own
    cut = buffers.along % (13 * buffers.scale) < 1.6 * buffers.scale
    cloth = buffers.of('top', 'bottom', 'extra')
    number = (buffers.along // (13 * buffers.scale)) % 3
    color[cloth] *= (0.8 + 0.16 * number[cloth])[:, None]
    color *= 0.88 + 0.12 * light_up(buffers, np.array([0, -0.4, 1]), 0.3)[..., None]
    lines = outlines(buffers, 2.0) | (cut & cloth)
    color[lines] = black
    image = compose(image, color, buffers.mask | lines, scene.size)
    # daylight through uneven glass
    yy, xx = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    glow = 1.25 - 0.3 * (xx**2 + yy**2) + 0.16 * noise(rng, scene.size, 9)
    image = image * glow[..., None]
    bloom = cv2.GaussianBlur(np.clip(image - 0.55, 0, 1).astype('f4'), (0, 0), 3)
    image = image + 0.4 * bloom
    stone = gradient(scene.size, np.full(3, 0.12), np.full(3, 0.06))
    yy, xx = np.mgrid[:height, :width]
    arch = ((xx - width / 2) / (0.54 * width)) ** 2 + ((yy - 40) / 48) ** 2 > 1
    wall = (arch & (yy < 40)) | (xx < 3) | (xx > width - 4)
    free = wall & (cv2.resize(buffers.mask.astype(np.uint8), (width, height)) == 0)
    image[free] = stone[free]
    return to_uint8(image)
