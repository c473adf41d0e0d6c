"""What the whole image is made of: the medium, its surface and its damage."""

from collections.abc import Callable

import cv2
import numpy as np

from ..photo import expose
from ..shading import downsample, noise
from ..styles.painted import cracks
from ..styles.solid import feet
from ..styles.strokes import warp, wobbly_line
from .canvas import Canvas

Image = np.ndarray


def _times(image: Image, factor: np.ndarray) -> Image:
    return image * factor[..., None]


def _grid(canvas: Canvas) -> tuple[np.ndarray, np.ndarray]:
    height, width = canvas.size
    return np.mgrid[:height, :width].astype(np.float32)


def _dark(canvas: Canvas, image: Image) -> np.ndarray:
    """How much darker than the bare sheet an image is, (h, w)."""
    return np.clip(canvas.sheet.mean() - image.mean(-1), 0, 1)


# What a medium does before the people are drawn.
def stand_on(canvas: Canvas) -> None:
    """Put a base or a plinth under the feet of solid people."""
    if canvas.style.medium not in ('plastic', 'statue'):
        return
    height = canvas.size[0]
    color = canvas.pick(canvas.rng.choice([0.35, 1.2]))
    for figure in canvas.scene.figures:
        x, y, reach = feet(figure)
        if canvas.style.medium == 'plastic':
            axes = (int(reach + 0.13 * figure.scale), int(0.055 * figure.scale))
            for drop, shade in ((7, 0.25), (4, 0.6), (0, 1.0)):
                spot = (int(x), int(min(y - 3, height - 8) + drop))
                tone = tuple(map(float, color * shade))
                cv2.ellipse(canvas.image, spot, axes, 0, 0, 360, tone, -1, cv2.LINE_AA)
        else:
            half, top = reach + 0.1 * figure.scale, int(min(y - 4, height - 8))
            left, right = max(0, int(x - half)), int(x + half)
            canvas.image[top:, left:right] = color * 0.7
            canvas.image[top : top + 5, max(0, left - 3) : right + 3] = color * 1.1


def cast(canvas: Canvas) -> None:
    """Let paper people throw a shadow on the sheet behind them."""
    if canvas.style.medium == 'collage':
        mask = downsample(canvas.buffers.mask.astype(np.float32), canvas.size)
        shadow = np.roll(mask, (3, int(-3 * canvas.look.side)), (0, 1))
        canvas.image = _times(canvas.image, 1 - 0.5 * cv2.GaussianBlur(shadow, (0, 0), 1.5))


# What it does to the whole image.
def _pencil(canvas: Canvas, image: Image) -> Image:
    grain = np.clip(0.8 + 0.5 * noise(canvas.rng, canvas.size, 1.3), 0.2, 1)
    return canvas.sheet + (image - canvas.sheet) * grain[..., None]


def _charcoal(canvas: Canvas, image: Image) -> Image:
    smudge = cv2.GaussianBlur(warp(canvas.rng, image, 1.5, 8), (0, 0), 2)
    image = np.minimum(image, 0.35 * image + 0.65 * smudge)
    grain = np.clip(0.85 + 0.4 * noise(canvas.rng, canvas.size, 1.6), 0.2, 1.1)
    return canvas.sheet + (image - canvas.sheet) * grain[..., None]


def _crayon(canvas: Canvas, image: Image) -> Image:
    # wax does not reach the valleys of the paper
    wax = np.clip(0.86 + 0.45 * noise(canvas.rng, canvas.size, 1.4), 0.3, 1)[..., None]
    return canvas.sheet * (1 - wax) + warp(canvas.rng, image, 0.9, 9) * wax


def _ink(canvas: Canvas, image: Image) -> Image:
    image = warp(canvas.rng, image, 1.0, 5)
    pool = cv2.GaussianBlur(image, (0, 0), 2.5)
    return np.minimum(image, 0.5 * image + 0.5 * pool)


def _watercolor(canvas: Canvas, image: Image) -> Image:
    image = warp(canvas.rng, image, 1.3, 6)
    edge = np.abs(image - cv2.GaussianBlur(image, (0, 0), 2)).mean(-1)
    cloud = 1 + 0.1 * noise(canvas.rng, canvas.size, 14)
    return _times(np.clip(image * 1.06, 0, 1), (1 - 0.7 * edge) * cloud)


def _oil(canvas: Canvas, image: Image) -> Image:
    thick = image.mean(-1) + 0.08 * noise(canvas.rng, canvas.size, 2)
    relief = thick - np.roll(thick, (1, 1), (0, 1))
    return (image + 0.35 * relief[..., None]) * np.float32([0.85, 0.97, 1.05])


def _fresco(canvas: Canvas, image: Image) -> Image:
    worn = 0.15 + 0.25 * noise(canvas.rng, canvas.size, 20)
    return image + np.clip(worn, 0.05, 0.6)[..., None] * (canvas.sheet * 0.9 - image)


def _woodblock(canvas: Canvas, image: Image) -> Image:
    # the blocks are a little out of register, and the ink is wiped towards the top
    red = np.roll(image[..., 2], int(canvas.look.side), 1)
    image = np.dstack([image[..., :2], red])
    fade = np.linspace(0.72, 1, canvas.size[0] // 3, dtype=np.float32)
    image[: len(fade)] *= fade[:, None, None]
    return image


def _cel(canvas: Canvas, image: Image) -> Image:
    gray = image.mean(-1, keepdims=True)
    return gray + (image - gray) * 1.15


def _digital(canvas: Canvas, image: Image) -> Image:
    bloom = cv2.GaussianBlur(np.clip(image - 0.5, 0, 1), (0, 0), 6)
    return image + 0.7 * bloom


def _puppet(canvas: Canvas, image: Image) -> Image:
    yy, xx = _grid(canvas)
    image = image.copy()
    for figure in canvas.scene.figures:
        for side in ('left', 'right'):
            # the sticks that move the hands
            hand = figure.points[f'{side}_wrist'][:2]
            foot = (hand[0] + canvas.rng.uniform(-25, 25), canvas.size[0])
            wobbly_line(canvas.rng, image, np.stack([hand, foot]), canvas.ink, 1, 0)
    weave = 1 + 0.03 * (np.sin(xx * 2.2) + np.sin(yy * 2.2))
    return _times(cv2.GaussianBlur(image, (0, 0), 0.7), weave)


def _glass(canvas: Canvas, image: Image) -> Image:
    image = _times(image, 1.15 + 0.18 * noise(canvas.rng, canvas.size, 9))
    return image + 0.4 * cv2.GaussianBlur(np.clip(image - 0.55, 0, 1), (0, 0), 3)


def _plastic(canvas: Canvas, image: Image) -> Image:
    return expose(canvas.rng, image, 0.4, 0.006, 1.1).astype(np.float32)


def _relief(canvas: Canvas, image: Image) -> Image:
    gray = image.mean(-1, keepdims=True)
    image = gray + (image - gray) * 0.7
    return expose(canvas.rng, image, 0.5, 0.01, 1.05).astype(np.float32)


def _statue(canvas: Canvas, image: Image) -> Image:
    vein = noise(canvas.rng, canvas.size, 26) + 0.4 * noise(canvas.rng, canvas.size, 8)
    body = downsample(canvas.buffers.mask.astype(np.float32), canvas.size)
    image = _times(image, 1 - 0.14 * (np.abs(vein) < 0.05) * body)
    return expose(canvas.rng, image, 0.45, 0.01, 1.1).astype(np.float32)


def _collage(canvas: Canvas, image: Image) -> Image:
    return _times(image, 1 + 0.07 * noise(canvas.rng, canvas.size, 2))


def _mosaic(canvas: Canvas, image: Image) -> Image:
    (height, width), step = canvas.size, 4
    small = cv2.resize(image, (width // step, height // step), interpolation=cv2.INTER_AREA)
    small = small * canvas.rng.uniform(0.88, 1.08, (*small.shape[:2], 1)).astype('f4')
    image = cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)
    yy, xx = _grid(canvas)
    grout = ((xx * small.shape[1] / width) % 1 < 0.22) | (
        (yy * small.shape[0] / height) % 1 < 0.22
    )
    return np.where(grout[..., None], image * 0.6 + 0.12, image)


def _chalk(canvas: Canvas, image: Image) -> Image:
    # light on a dark board: what is dark on paper is bright here
    board = np.float32([0.2, 0.22, 0.18]) if canvas.look.choice < 0.6 else 0.16
    bright = np.clip(1.25 * (canvas.sheet - image), 0, 1)
    color = bright.mean(-1, keepdims=True) * 0.8 + 0.2 * image
    dust = np.clip(0.9 + 0.35 * noise(canvas.rng, canvas.size, 1.5), 0.3, 1.1)[..., None]
    return board * (1 + 0.1 * noise(canvas.rng, canvas.size, 30)[..., None]) + color * dust


MEDIA: dict[str, Callable[[Canvas, Image], Image]] = {
    finish.__name__[1:]: finish
    for finish in (
        _pencil, _charcoal, _crayon, _ink, _watercolor, _oil, _fresco, _woodblock, _cel,
        _digital, _puppet, _glass, _plastic, _relief, _statue, _collage, _mosaic, _chalk,
    )
}  # fmt: skip


def texture(canvas: Canvas, image: Image) -> Image:
    """Give the image the surface of its ground."""
    name, rng, size = canvas.style.texture, canvas.rng, canvas.size
    grain, depth = canvas.look.grain, canvas.look.depth
    yy, xx = _grid(canvas)
    if name == 'smooth':
        return image
    if name == 'paper':
        rough = 0.6 * noise(rng, size, 1.5 * grain) + 0.5 * noise(rng, size, 5)
        factor = 1 + 0.07 * depth * rough
    elif name == 'canvas':
        factor = 1 + 0.045 * depth * (np.sin(xx * 2.1 / grain) + np.sin(yy * 2.1 / grain))
    elif name == 'plaster':
        factor = 1 + depth * (0.1 * noise(rng, size, 1.5) + 0.16 * noise(rng, size, 18))
    elif name == 'wood':
        wave = noise(rng, size, 40) * 9 + xx / (2.6 * grain) + 0.02 * yy
        factor = 1 + 0.05 * depth * np.sin(wave)
    elif name == 'cloth':
        factor = 1 + 0.06 * depth * np.sign(np.sin((xx + yy) * 1.5 / grain))
    elif name == 'dots':
        turned = np.sin((xx + yy) * 1.1 / grain) * np.sin((xx - yy) * 1.1 / grain)
        factor = np.where(turned > 0.25 + 0.5 * image.mean(-1), 1 - 0.25 * depth, 1.03)
    elif name == 'grain':
        factor = 1 + 0.08 * depth * rng.normal(0, 1, size)
    else:
        spots = noise(rng, size, 2.2 * grain)
        factor = 1 - 0.28 * depth * (spots > 0.72) + 0.12 * depth * (spots < -0.8)
    return _times(image, factor.astype(np.float32))


def damage(canvas: Canvas, image: Image) -> Image:
    """Let time work on the image."""
    name, rng, size = canvas.style.damage, canvas.rng, canvas.size
    height, width = size
    bare = canvas.sheet * 0.92
    if name == 'cracked':
        image = image.copy()
        cracks(rng, image, rng.integers(7, 13), image.mean((0, 1)) * 0.35)
    elif name == 'worn':
        lost = noise(rng, size, 20) + 0.35 * noise(rng, size, 4)
        gone = np.clip((lost - 0.62) * 6, 0, 0.9)[..., None]
        image = image + gone * (bare * 1.06 - image)
    elif name == 'faded':
        image = 0.5 * image + 0.5 * (0.35 * image.mean() + 0.65 * bare)
    elif name == 'stained':
        blot = np.clip((noise(rng, size, 34) + 0.3 * noise(rng, size, 7) - 0.1) * 1.5, 0, 1)
        ring = np.exp(-((blot - 0.3) ** 2) / 0.006)
        amount = (0.4 * blot + 0.3 * ring)[..., None]
        image = image * (1 - amount * np.float32([0.75, 0.5, 0.35]))
    elif name == 'scratched':
        image = image.copy()
        for _ in range(rng.integers(9, 16)):
            start = rng.uniform((0, 0), (width, height))
            end = start + rng.normal((6, 0), (14, 11))
            line, pale = np.stack([start, end]), rng.random() < 0.7
            wobbly_line(rng, image, line, [0.85 if pale else 0.18] * 3, 1, 0.3)
    elif name == 'creased':
        factor = np.ones(size, np.float32)
        yy, xx = _grid(canvas)
        for _ in range(rng.integers(3, 6)):
            angle, shift = rng.uniform(0, np.pi), rng.uniform(0.2, 0.8)
            gap = (xx - width * shift) * np.cos(angle) + (yy - height * shift) * np.sin(
                angle
            )
            factor += 0.28 * np.exp(-np.abs(gap) / 1.3) * np.sign(gap)
            factor += 0.07 * np.tanh(gap / 25)
        image = _times(image, factor)
    return image
