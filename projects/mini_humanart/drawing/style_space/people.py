"""How the people are lit, filled and outlined."""

from collections.abc import Callable

import cv2
import numpy as np

from ..shading import downsample, light_up, noise, solid_depth
from ..styles.painted import brush
from ..styles.solid import gloss
from ..styles.strokes import hatching, outlines, warp
from .canvas import Canvas

_LIGHTS = {
    # direction (right, down, to the camera), ambient
    'even': ((0.0, -0.3, 1.0), 0.6),
    'side': ((0.85, -0.6, 0.55), 0.22),
    'above': ((0.1, -1.0, 0.35), 0.3),
    'below': ((0.1, 1.0, 0.4), 0.3),
    'rim': ((0.6, -0.5, 0.6), 0.35),
    'behind': ((0.3, -0.4, 0.6), 0.55),
    'dramatic': ((0.9, -0.5, 0.35), 0.05),
}


def direction(canvas: Canvas) -> np.ndarray:
    """Where the light comes from, (3,)."""
    return np.array(_LIGHTS[canvas.style.light][0]) * (canvas.look.side, 1, 1)


def light_scene(canvas: Canvas) -> None:
    """Light the background, and set the tone of the people."""
    name, (height, width) = canvas.style.light, canvas.size
    canvas.tone = light_up(canvas.buffers, direction(canvas), _LIGHTS[name][1])
    yy, xx = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    far = xx**2 + yy**2
    if name == 'even':
        return
    if name == 'side':
        lit = 0.93 + 0.12 * canvas.look.side * xx
    elif name in ('above', 'below'):
        lit = 0.88 - 0.22 * yy * (1 if name == 'above' else -1)
    elif name == 'rim':
        lit = 0.8 - 0.1 * far
    elif name == 'behind':
        lit = 1.25 - 0.55 * far
        canvas.color = canvas.color * (0.45 if canvas.style.fill != 'paned' else 0.95)
    else:
        lit = 0.3 + 0.5 * np.exp(-1.5 * ((xx - 0.5 * canvas.look.side) ** 2 + yy**2))
    canvas.image = np.clip(canvas.image * lit[..., None], 0, 1)


def add_rim(canvas: Canvas) -> None:
    """Draw the bright edges of people with a light behind them."""
    if canvas.style.light != 'rim':
        return
    normal = canvas.buffers.normal
    away = 0.6 - canvas.look.side * normal[..., 0]
    rim = np.clip(np.clip(1 - normal[..., 2], 0, 1) ** 2.2 * away, 0, 1.2)
    glow = np.clip(1.6 - 1.4 * canvas.pick(1.0), 0.2, 1)
    canvas.image += downsample(
        (rim * canvas.buffers.mask)[..., None] * glow.astype(np.float32), canvas.size
    )


def _soft_tone(canvas: Canvas, amount: float) -> np.ndarray:
    return (1 - amount + amount * canvas.tone)[..., None]


def _folds(canvas: Canvas) -> np.ndarray:
    """Light on the folds of clothes and the locks of hair."""
    buffers = canvas.buffers
    fold = 1 + 0.12 * np.sin(buffers.across * 8) * buffers.of('top', 'bottom')
    curl = 0.25 * noise(canvas.rng, fold.shape, 6) * buffers.of('hair')
    return (fold + curl).astype(np.float32)[..., None]


def bare(canvas: Canvas) -> None:
    """The ground shows through; only hair and eyes are filled."""
    canvas.put(canvas.sheet * _soft_tone(canvas, 0.12), canvas.buffers.mask)
    canvas.stain(canvas.ink, 0.35 * canvas.buffers.of('hair') + canvas.buffers.of('eye'))


def flat(canvas: Canvas) -> None:
    """Even areas of color."""
    canvas.put(canvas.color * _soft_tone(canvas, 0.1), canvas.buffers.mask)


def cel(canvas: Canvas) -> None:
    """Two tones with a sharp edge between them."""
    lit = canvas.tone > np.quantile(canvas.tone[canvas.buffers.mask], 0.4)
    shade = np.where(lit, 1.05, 0.62 + 0.1 * canvas.look.depth)[..., None]
    canvas.put(canvas.color * shade.astype(np.float32), canvas.buffers.mask)


def shaded(canvas: Canvas) -> None:
    """Soft modeling."""
    canvas.put(canvas.color * canvas.tone[..., None] * _folds(canvas), canvas.buffers.mask)


def _darkness(canvas: Canvas) -> np.ndarray:
    """How much ink the tone and the color of the people ask for, (H, W)."""
    color = 1 - canvas.color.mean(-1)
    return (np.clip(0.95 - canvas.tone, 0, 1) + 0.45 * color) * canvas.buffers.mask


def hatched(canvas: Canvas) -> None:
    """Parallel lines, denser in the dark."""
    rng, look, shape = canvas.rng, canvas.look, canvas.tone.shape
    pale = 0.8 * canvas.sheet + 0.2 * canvas.color
    canvas.put(pale, canvas.buffers.mask)
    dark, step = _darkness(canvas), 5.5 * look.grain
    strength = dark * hatching(rng, shape, step, look.angle)
    strength += np.clip(dark - 0.5, 0, 1) * hatching(rng, shape, step, -look.angle)
    canvas.stain(canvas.ink, 1.25 * look.depth * strength + canvas.buffers.of('eye'))


def scribbled(canvas: Canvas) -> None:
    """A loose zigzag of color over a thin coat."""
    rng, look = canvas.rng, canvas.look
    thin = 0.45 * canvas.color + 0.55 * canvas.sheet
    canvas.put(thin, canvas.buffers.mask)
    zigzag = hatching(rng, canvas.tone.shape, 8 * look.grain, look.angle)
    region = warp(rng, canvas.buffers.mask.astype(np.float32), 2.5, 16)
    shade = canvas.color * _soft_tone(canvas, 0.15) * 0.9
    canvas.stain(shade, np.clip(1.7 * zigzag, 0, 1) * region)


def washed(canvas: Canvas) -> None:
    """Wet color that bleeds over the edges and gathers at the rims."""
    rng, shape, mask = canvas.rng, canvas.tone.shape, canvas.buffers.mask
    # the background keeps away from the people
    canvas.stain(canvas.sheet, 0.8 * mask)
    density = (1 - canvas.color) * (1.4 - 0.65 * canvas.tone)[..., None]
    density = np.where(mask[..., None], density, 0).astype(np.float32)
    bleed = canvas.look.depth * 1.6
    density = cv2.GaussianBlur(warp(rng, density, 1.5 * bleed, 13), (0, 0), bleed)
    rim = np.abs(density - cv2.GaussianBlur(density, (0, 0), 3.5))
    density *= (1 + 0.45 * noise(rng, shape, 15))[..., None]
    density = downsample(density + 0.9 * rim, canvas.size)
    canvas.image = canvas.image * (1 - np.clip(0.95 * density, 0, 0.96))


def brushed(canvas: Canvas) -> None:
    """Oriented strokes, large behind the people and small on them."""
    rng, (height, width) = canvas.rng, canvas.size
    shaded(canvas)
    source = np.clip(canvas.image, 0, 1)
    canvas.image = cv2.GaussianBlur(source, (0, 0), 2)
    large = 5 * canvas.look.grain
    spots = rng.uniform((0, 0), (width, height), (int(height * width / 28), 2))
    brush(rng, canvas.image, source, spots, large)
    body = downsample(canvas.buffers.mask.astype(np.float32), canvas.size)
    ys, xs = np.nonzero(cv2.dilate(body, np.ones((3, 3))) > 0.3)
    picks = rng.integers(0, len(xs), len(xs) // 3)
    brush(
        rng,
        canvas.image,
        source,
        np.stack([xs[picks], ys[picks]], 1),
        1.3 + 0.3 * large / 5,
    )
    thick = canvas.image.mean(-1) + 0.05 * noise(rng, canvas.size, 1.5)
    canvas.image += 0.25 * (thick - np.roll(thick, (1, 1), (0, 1)))[..., None]


def glossy(canvas: Canvas) -> None:
    """Shining surfaces with highlights."""
    light, look = direction(canvas), canvas.look
    color = canvas.color * (canvas.tone**1.2)[..., None]
    color += (0.6 * look.depth * gloss(canvas.buffers.normal, light, 26))[..., None]
    mirror = np.abs(canvas.buffers.normal[..., 0] - 0.45 * np.sign(light[0])) < 0.08
    color += 0.1 * (mirror & canvas.buffers.mask)[..., None]
    canvas.put(color.astype(np.float32), canvas.buffers.mask)


def paned(canvas: Canvas) -> None:
    """Clothes cut into pieces between dark lines."""
    buffers = canvas.buffers
    step = 12 * canvas.look.grain * buffers.scale
    cut = (buffers.along % step < 1.6 * buffers.scale) & buffers.mask
    number = (buffers.along // step) % 3
    color = canvas.color * (0.82 + 0.16 * number)[..., None]
    color = (color * _soft_tone(canvas, 0.15)).astype(np.float32)
    cloth = buffers.of('top', 'bottom', 'extra')
    color[cut & cloth] = canvas.ink * 0.5
    canvas.put(color, buffers.mask)


def pierced(canvas: Canvas) -> None:
    """Areas with rows of holes and bright seams."""
    buffers = canvas.buffers
    inside = cv2.erode(buffers.mask.astype(np.uint8), np.ones((5, 5))) > 0
    cuts = outlines(buffers, 0.6) & inside
    step = 5.5 * canvas.look.grain * buffers.scale
    row = (buffers.along % step < 0.3 * step) & (np.abs(buffers.across) < 0.28)
    cuts |= row & inside & buffers.of('top', 'bottom', 'extra')
    color = (canvas.color * _soft_tone(canvas, 0.1)).astype(np.float32)
    color[cuts] = np.minimum(canvas.sheet + 0.1, 1) * 0.8
    canvas.put(color, buffers.mask)


def stippled(canvas: Canvas) -> None:
    """Dots, more of them in the dark."""
    rng = canvas.rng
    canvas.put(0.75 * canvas.sheet + 0.25 * canvas.color, canvas.buffers.mask)
    chance = 0.05 + 0.5 * _darkness(canvas)
    dots = noise(rng, canvas.tone.shape, 2.2 * canvas.look.grain) * 0.5 + 0.5
    canvas.stain(canvas.ink, (dots < chance) * canvas.buffers.mask * 0.9)


def carved(canvas: Canvas) -> None:
    """Raised a little from the ground, with grooves, as if of the same stuff."""
    buffers, side = canvas.buffers, canvas.look.side
    scale, mask = buffers.scale, buffers.mask
    depth = solid_depth(buffers)
    body = np.clip(depth / scale, -18, 14) * 0.22 + 8.0
    body -= 1.2 * buffers.of('eye', 'mouth')
    body += 0.25 * np.sin(buffers.across * 9) * buffers.of('hair', 'bottom', 'top')
    height = np.where(mask, body, 0).astype(np.float32)
    height = cv2.GaussianBlur(height, (0, 0), 1.3) * scale
    slope = -side * cv2.Sobel(height, -1, 1, 0) + 1.2 * cv2.Sobel(height, -1, 0, 1)
    tone = np.clip(0.86 + 0.05 * canvas.look.depth * slope, 0.25, 1.3)
    shadow = np.roll(mask, (int(4 * scale), int(-side * 3 * scale)), (0, 1))
    shadow = cv2.GaussianBlur((shadow & ~mask).astype('f4'), (0, 0), 2) * ~mask
    # the color of the people is only a hint on the color of the ground
    ground = canvas.image.mean((0, 1))
    tint = 0.25 * canvas.color * _soft_tone(canvas, 0.4) + 0.75 * ground
    canvas.put(tint, mask)
    tone = downsample((tone * (1 - 0.4 * shadow)).astype('f4'), canvas.size)
    canvas.image = canvas.image * tone[..., None]


FILLS: dict[str, Callable[[Canvas], None]] = {
    fill.__name__: fill
    for fill in (
        bare, flat, cel, shaded, hatched, scribbled, washed, brushed, glossy, paned,
        pierced, stippled, carved,
    )
}  # fmt: skip


def outline(canvas: Canvas) -> None:
    """Draw the contours of the people."""
    name, rng, weight = canvas.style.outline, canvas.rng, canvas.look.weight
    buffers = canvas.buffers

    def lines(width: float, jump: float = 3.0) -> np.ndarray:
        return outlines(buffers, width * weight, jump).astype(np.float32)

    if name == 'fine':
        canvas.stain(canvas.ink, lines(0.8, 2.0) * 0.95)
    elif name == 'bold':
        canvas.stain(canvas.ink * 0.6, lines(2.0))
    elif name == 'searching':
        line, strength = lines(0.9), 0.0
        for _ in range(3):
            pressure = 0.5 + 0.4 * noise(rng, line.shape, 25)
            strength += warp(rng, line, 2.0, 30) * pressure
        canvas.stain(canvas.ink, np.clip(strength, 0, 1))
    elif name == 'brush':
        thin, thick = lines(0.9), lines(2.6)
        swell = np.clip(0.5 + 1.4 * noise(rng, thin.shape, 40), 0, 1)
        dry = np.clip(1.15 + 0.9 * noise(rng, thin.shape, 3), 0.3, 1)
        line = warp(rng, thin * (1 - swell) + thick * swell, 1.3, 25)
        canvas.stain(canvas.ink, 0.95 * line * dry)
    elif name == 'clumsy':
        shaky = np.dstack([lines(2.0), canvas.color * 0.5])
        shaky = warp(rng, shaky, 3.0, 14)
        line = np.clip(shaky[..., 0], 0, 1)
        canvas.stain(np.clip(shaky[..., 1:], 0, 1), line)
    elif name == 'lead':
        canvas.stain(canvas.ink * 0.3, lines(3.0))
        # the crest of the strip shines a little
        canvas.stain(np.float32([0.3, 0.3, 0.3]), 0.5 * lines(0.5))
    elif name == 'pale':
        canvas.stain(np.minimum(canvas.sheet * 0.5 + 0.5, 1), lines(1.1) * 0.95)
    elif name == 'colored':
        color = cv2.dilate(canvas.color, np.ones((5, 5))) * 0.4
        canvas.stain(color, lines(1.4))
