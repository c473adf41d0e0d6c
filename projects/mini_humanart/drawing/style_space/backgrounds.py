"""What is behind the people, in the colors of the style's palette."""

from collections.abc import Callable

import cv2
import numpy as np

from ..photo import make_background
from ..shading import gradient, noise
from ..styles.east_asian import waves as draw_waves
from ..styles.lit import panes as divide
from ..styles.strokes import circle, paper, polygon, warp, wobbly_line
from .canvas import Canvas
from .palettes import COLORS


def _plain(canvas: Canvas, top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    return gradient(canvas.size, top, bottom).astype(np.float32)


def blank(canvas: Canvas) -> np.ndarray:
    """A sheet with a little shadow at the feet."""
    image = paper(canvas.rng, canvas.size, canvas.sheet, 0.015)
    shadow = np.zeros(canvas.size, np.float32)
    y = int(canvas.scene.ground)
    shadow[max(0, y - 4) : y + 3] = 0.12
    return image * (1 - cv2.GaussianBlur(shadow, (0, 0), 3))[..., None]


def hills(canvas: Canvas) -> np.ndarray:
    """Two flat hills under a sky with clouds."""
    rng, (height, width) = canvas.rng, canvas.size
    image = _plain(canvas, *[canvas.pick(1.0)] * 2)
    for level in range(2):
        x = np.linspace(0, width, 30)
        wave = rng.uniform(5, 14) * np.sin(x / rng.uniform(18, 45) + rng.uniform(0, 6))
        y = canvas.scene.ground - 36 + 24 * level + wave
        ridge = np.concatenate([np.stack([x, y], 1), [(width, height), (0, height)]])
        polygon(image, ridge, canvas.pick(0.82 - 0.2 * level))
    for _ in range(rng.integers(0, 4)):
        spot = rng.uniform((10, 8), (width - 10, 0.3 * height))
        for offset in ((-9, 2), (0, -2), (9, 2)):
            circle(image, spot + offset, 8, np.minimum(canvas.sheet * 1.15, 1))
    return image


def rays(canvas: Canvas) -> np.ndarray:
    """Rays from a point behind the people."""
    color, shade = canvas.pick(1.0), canvas.rng.uniform(0.72, 0.88)
    image = _plain(canvas, color, color)
    center = np.array(canvas.size[::-1]) * (0.5, 0.55)
    step = np.pi / canvas.rng.integers(6, 12)
    for angle in np.arange(0, 2 * np.pi, step):
        ends = [center + 400 * np.array([np.cos(a), np.sin(a)]) for a in
                (angle, angle + step / 2)]  # fmt: skip
        polygon(image, np.array([center, *ends]), color * shade)
    return image


def scenery(canvas: Canvas) -> np.ndarray:
    """A room, a street or a landscape."""
    image = make_background(canvas.rng, canvas.scene)
    if canvas.style.palette == 'natural':
        return image
    gray = image.mean(-1, keepdims=True)
    dark, light = canvas.pick(0.25), canvas.pick(1.2)
    tinted = dark + (light - dark) * gray
    kept = 0.45 if COLORS[canvas.style.palette].people == 'skin' else 0.0
    return (tinted * (1 - kept) + image * kept * tinted.mean() / gray.mean()).astype('f4')


def night(canvas: Canvas) -> np.ndarray:
    """A dark sky with a moon and a skyline."""
    rng, (height, width) = canvas.rng, canvas.size
    image = _plain(canvas, canvas.pick(0.25), canvas.pick(0.75))
    center = rng.uniform((0.2, 0.15), (0.8, 0.45)) * (width, height)
    circle(image, center, rng.uniform(0.08, 0.3) * width, np.minimum(canvas.pick(2.0), 1))
    image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 2.5))
    horizon = canvas.scene.horizon(rng.uniform(6, 20))
    skyline = noise(rng, (2, width), rng.uniform(8, 30))[0] * 22 + horizon - 24
    image[np.arange(height)[:, None] > skyline[None]] *= 0.5
    image[horizon:] *= 0.7
    for spot in rng.uniform((0, 0), (width, 0.6 * height), (rng.integers(0, 30), 2)):
        circle(image, spot, rng.uniform(0.5, 1.3), (0.9, 0.95, 1.0))
    return image


def pools(canvas: Canvas) -> np.ndarray:
    """Pools of color on a bare sheet."""
    rng, (_, width) = canvas.rng, canvas.size
    image = paper(rng, canvas.size, canvas.sheet, 0.02)
    for _ in range(rng.integers(3, 7)):
        pool = np.zeros(canvas.size, np.float32)
        center = rng.uniform((0, 0), (width, canvas.scene.ground))
        circle(pool, center, rng.uniform(0.1, 0.3) * width, (1.0,))
        pool = cv2.GaussianBlur(warp(rng, pool, 14, 18), (0, 0), rng.uniform(1.5, 5))
        color = canvas.pick(rng.uniform(0.5, 0.9))
        strength = pool * 0.6 * (1 + 0.5 * noise(rng, canvas.size, 12))
        image += np.clip(strength, 0, 1)[..., None] * (color - image)
    return image


def mist(canvas: Canvas) -> np.ndarray:
    """Mountains that fade into mist, and a few stems."""
    rng, (height, width) = canvas.rng, canvas.size
    image = paper(rng, canvas.size, canvas.sheet, 0.03)
    rows = np.arange(height, dtype=np.float32)[:, None]
    veil = np.zeros(canvas.size, np.float32)
    for level in range(rng.integers(2, 4)):
        peak = canvas.scene.ground - (0.55 - 0.18 * level) * height
        peak = peak - 40 * np.abs(noise(rng, (2, width), rng.uniform(30, 60))[0])
        fade = np.clip(1 - (rows - peak[None]) / rng.uniform(30, 60), 0, 1)
        veil = np.maximum(veil, fade * (rows > peak[None]) * (0.25 + 0.12 * level))
    veil = cv2.GaussianBlur(warp(rng, veil, 2, 9), (0, 0), 1.2)
    for _ in range(rng.integers(0, 3)):
        x = rng.uniform(0, width)
        stem = np.array([(x, height), (x + rng.uniform(-10, 10), rng.uniform(0, 60))])
        wobbly_line(rng, veil, stem, (0.55,), rng.integers(1, 4), 0.6)
    return image + veil[..., None] * (canvas.pick(0.2) - image)


def waves(canvas: Canvas) -> np.ndarray:
    """A sky that darkens upwards over rows of waves."""
    height, width = canvas.size
    image = _plain(canvas, *[canvas.sheet] * 2)
    band = int(canvas.rng.uniform(0.25, 0.5) * height)
    image[:band] = gradient((band, width), canvas.pick(0.55), canvas.sheet)
    draw_waves(canvas.rng, image, canvas.scene.ground - 22, canvas.pick(0.55))
    return image


def garden(canvas: Canvas) -> np.ndarray:
    """A sun in a corner and blades of grass."""
    rng, (height, width) = canvas.rng, canvas.size
    image = paper(rng, canvas.size, canvas.sheet, 0.015)
    sun, corner = canvas.pick(0.8), (rng.choice([0, width]), 0)
    circle(image, corner, 20, sun)
    for angle in np.linspace(0, 2 * np.pi, 18):
        ray = np.array([np.cos(angle), np.sin(angle)])
        wobbly_line(rng, image, np.stack([24 * ray, 34 * ray]) + corner, sun, 2, 0.5)
    grass, top = canvas.pick(0.6), canvas.scene.ground
    for x in np.arange(0, width, 4):
        blade = np.array([(x, height), (x + rng.uniform(-2, 2), top - rng.uniform(-2, 8))])
        wobbly_line(rng, image, blade, grass * rng.uniform(0.75, 1.1), 2, 0.6)
    return image


def panes(canvas: Canvas) -> np.ndarray:
    """Colored cells between dark lines."""
    rng = canvas.rng
    cells = divide(rng, canvas.size, int(rng.integers(16, 44)))
    colors = [canvas.pick(rng.uniform(0.55, 1.15)) for _ in range(cells.max() + 1)]
    image = np.array(colors, np.float32)[cells]
    lead = np.zeros(canvas.size, np.uint8)
    lead[:, 1:] |= (cells[:, 1:] != cells[:, :-1]).astype(np.uint8)
    lead[1:] |= (cells[1:] != cells[:-1]).astype(np.uint8)
    image[cv2.dilate(lead, np.ones((2, 2))) > 0] = canvas.ink * 0.5
    return image


def screen(canvas: Canvas) -> np.ndarray:
    """A bright cloth with a dark floor and dark leaves at a side."""
    rng, (height, width) = canvas.rng, canvas.size
    image = _plain(canvas, *[canvas.pick(1.0)] * 2)
    dark, floor = canvas.ink * 0.8, canvas.scene.ground + 2
    polygon(image, [(0, floor), (width, floor), (width, height), (0, height)], dark)
    side = rng.choice([0.0, 1.0]) * width
    for leaf in rng.normal((side, rng.uniform(0.1, 0.5) * height), 15, (12, 2)):
        circle(image, leaf, rng.uniform(3, 8), dark)
    return image


def studio(canvas: Canvas) -> np.ndarray:
    """A plain backdrop, darker at its rims."""
    height, width = canvas.size
    color, gray = canvas.pick(0.95), canvas.rng.uniform(0, 0.8)
    color = color * (1 - gray) + color.mean() * gray
    image = _plain(canvas, color * 1.02, color * 0.72)
    yy, xx = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    return image * (1.12 - 0.3 * (xx**2 + yy**2))[..., None]


def hall(canvas: Canvas) -> np.ndarray:
    """A wall with columns or a niche, and a floor."""
    rng, (height, width) = canvas.rng, canvas.size
    wall, horizon = canvas.pick(0.85), canvas.scene.horizon(12)
    image = _plain(canvas, wall * 1.1, wall * 0.85)
    if rng.random() < 0.6:
        for left in np.arange(rng.uniform(-10, 20), width, rng.uniform(45, 80)).astype(int):
            for x in range(16):
                tone = wall * (0.75 + 0.45 * np.sin(np.pi * x / 16))
                image[:horizon, max(0, left + x) : left + x + 1] = tone
    else:
        axes, middle = (int(0.38 * width), int(0.55 * height)), int(0.6 * height)
        shade = tuple(map(float, wall * 0.75))
        cv2.ellipse(image, (width // 2, middle), axes, 0, 180, 360, shade, -1)
        image[middle:horizon, width // 2 - axes[0] : width // 2 + axes[0]] = shade
    image[horizon:] = canvas.pick(0.6)
    return cv2.GaussianBlur(image, (0, 0), 1.5)


def bands(canvas: Canvas) -> np.ndarray:
    """A bare wall between two bands of ornaments."""
    height, width = canvas.size
    image = paper(canvas.rng, canvas.size, canvas.sheet, 0.06)
    band, step = int(0.07 * height), int(canvas.rng.integers(10, 22))
    strip, dot = canvas.pick(0.5), canvas.pick(1.0)
    for top in (0, height - band):
        image[top : top + band] = strip
        for x in range(0, width, step):
            circle(image, (x + step / 2, top + band / 2), band * 0.3, dot)
    return image


def slab(canvas: Canvas) -> np.ndarray:
    """A block of stone with a raised rim and floor."""
    rng, (height, width) = canvas.rng, canvas.size
    yy, xx = np.mgrid[:height, :width].astype(np.float32)
    border = 0.045 * height
    rim = np.minimum.reduce([xx, yy, width - xx, height - yy]) < border
    raised = 0.5 * noise(rng, canvas.size, 24) + 4.0 * rim
    raised += 2.5 * ((yy > canvas.scene.ground + 1) & ~rim)
    raised = cv2.GaussianBlur(raised.astype(np.float32), (0, 0), 0.8)
    slope = -canvas.look.side * cv2.Sobel(raised, -1, 1, 0) + cv2.Sobel(raised, -1, 0, 1)
    tone = np.clip(0.85 + 0.05 * slope, 0.4, 1.2) + 0.06 * noise(rng, canvas.size, 20)
    people = COLORS[canvas.style.palette]
    index = int(canvas.look.choice * len(people.body))
    stone = people.body[index] if people.body else canvas.sheet * 0.85
    return (np.float32(stone) * tone[..., None]).astype(np.float32)


BACKGROUNDS: dict[str, Callable[[Canvas], np.ndarray]] = {
    paint.__name__: paint
    for paint in (
        blank, hills, rays, scenery, night, pools, mist, waves, garden, panes, screen,
        studio, hall, bands, slab,
    )
}  # fmt: skip
