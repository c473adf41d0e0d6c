"""Paper, outlines and wobbly strokes that the drawn styles share."""

from collections.abc import Callable

import cv2
import numpy as np

from ..figure import MATERIALS
from ..raster import Buffers
from ..shading import noise, solid_depth

Rng = np.random.Generator
Size = tuple[int, int]
Color = np.ndarray | tuple[float, ...]

# fractional bits of OpenCV's fixed-point coordinates
_SHIFT = 3


def paper(rng: Rng, size: Size, color: Color, rough: float = 0.03) -> np.ndarray:
    """A sheet with fibres and stains, (h, w, 3) float32 in 0 .. 1."""
    texture = 0.6 * noise(rng, size, 1.5) + noise(rng, size, 30)
    sheet = np.float32(color) * (1 + rough * texture)[..., None]
    return sheet.astype(np.float32)


def outlines(buffers: Buffers, width: float, jump: float = 3.0) -> np.ndarray:
    """Mark where a draftsman would put a line, (H, W) bool, supersampled.

    ``jump`` is the depth step inside one material that gets a line; both are image pixels.
    """
    face = [MATERIALS.index(m) for m in ('nose', 'mouth', 'eye')]
    material = np.where(np.isin(buffers.material, face), 0, buffers.material)
    key = buffers.person.astype(np.int32) * 16 + material
    depth = solid_depth(buffers)
    edge = np.zeros(key.shape, np.uint8)
    for here, there in ((np.s_[:, 1:], np.s_[:, :-1]), (np.s_[1:], np.s_[:-1])):
        step = np.abs(depth[here] - depth[there]) > jump * buffers.scale
        edge[here] |= ((key[here] != key[there]) | step).astype(np.uint8)
    thick = max(1, round(width * buffers.scale))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (thick, thick))
    return cv2.dilate(edge, kernel) > 0


def warp(rng: Rng, image: np.ndarray, amount: float, grain: float) -> np.ndarray:
    """Displace an image smoothly by about ``amount``, in waves of ``grain`` pixels."""
    height, width = image.shape[:2]
    yy, xx = np.mgrid[:height, :width].astype(np.float32)
    xx += amount * noise(rng, (height, width), grain)
    yy += amount * noise(rng, (height, width), grain)
    return cv2.remap(image, xx, yy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def hatching(rng: Rng, size: Size, spacing: float, angle: float) -> np.ndarray:
    """Parallel wavy pencil lines, (h, w) float32: 0 = paper, 1 = line."""
    height, width = size
    yy, xx = np.mgrid[:height, :width].astype(np.float32)
    across = xx * np.float32(np.cos(angle)) + yy * np.float32(np.sin(angle))
    across += 1.5 * noise(rng, size, 25)
    wave = 0.5 + 0.5 * np.cos(across * np.float32(2 * np.pi / spacing))
    return wave**3 * (0.75 + 0.5 * noise(rng, size, 4))


def _stamp(
    image: np.ndarray,
    color: Color,
    points: np.ndarray,
    reach: float,
    draw: Callable[[np.ndarray, np.ndarray], None],
) -> None:
    """Blend an anti-aliased shape into a float image, in place.

    OpenCV smooths edges in 8-bit images only, so the shape is drawn as such a mask, no
    larger than needed. The image is (h, w) or (h, w, 3) float32, ``points`` are (N, 2) x, y
    in pixels, ``reach`` is how far the shape goes beyond them, and ``draw`` gets fixed-
    point points.
    """
    height, width = image.shape[:2]
    left, top = np.maximum(np.floor(points.min(0) - reach - 2), 0).astype(int)
    right, bottom = np.ceil(points.max(0) + reach + 2).astype(int)
    right, bottom = min(right, width), min(bottom, height)
    if left >= right or top >= bottom:
        return
    mask = np.zeros((bottom - top, right - left), np.uint8)
    # OpenCV's pixel centers lie on whole numbers, ours half a pixel further
    fixed = (points - (left + 0.5, top + 0.5)) * 2**_SHIFT
    draw(mask, np.rint(fixed).astype(np.int32))
    alpha = mask.astype(np.float32) / 255
    patch = image[top:bottom, left:right]
    if image.ndim == 3:
        alpha = alpha[..., None]
    patch += alpha * (np.asarray(color, np.float32) - patch)


def wobbly_line(
    rng: Rng,
    image: np.ndarray,
    points: np.ndarray,
    color: Color,
    thickness: float,
    wobble: float,
) -> None:
    """Draw a polyline, (N, 2) x, y in pixels, by an unsteady hand, in place."""
    dense = []
    for start, end in zip(points[:-1], points[1:], strict=True):
        steps = max(2, int(np.hypot(*(end - start)) / 5))
        t = np.linspace(0, 1, steps, endpoint=False)[:, None]
        dense.append(start + t * (end - start))
    track = np.concatenate([*dense, points[-1:]])
    # the ends stay put: they are joints
    track[1:-1] += rng.normal(0, wobble, track[1:-1].shape)
    width = max(1, round(thickness))

    def draw(mask: np.ndarray, fixed: np.ndarray) -> None:
        cv2.polylines(mask, [fixed], False, 255, width, cv2.LINE_AA, _SHIFT)

    _stamp(image, color, track, width, draw)


def circle(
    image: np.ndarray, center: np.ndarray, radius: float, color: Color, width: float = 0
) -> None:
    """Draw a disc, or a ring of some ``width``, in pixels, in place."""

    def draw(mask: np.ndarray, fixed: np.ndarray) -> None:
        x, y = fixed[0] / 2**_SHIFT
        height, length = mask.shape
        gap = np.hypot(np.arange(length)[None] - x, np.arange(height)[:, None] - y)
        gap = np.abs(gap - radius) - width / 2 if width else gap - radius
        mask[:] = np.clip(0.5 - gap, 0, 1) * 255

    middle = np.asarray(center, float)[None, :2]
    _stamp(image, color, middle, radius + width, draw)


def polygon(image: np.ndarray, points: np.ndarray, color: Color) -> None:
    """Fill a polygon of (N, 2) points in pixels, in place."""

    def draw(mask: np.ndarray, fixed: np.ndarray) -> None:
        cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, _SHIFT)

    _stamp(image, color, np.asarray(points, float)[:, :2], 0, draw)


def bones(points: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Limb polylines of a figure: name -> (N, 3) pixels, the farthest limb first."""
    chains = {}
    for side in ('left', 'right'):
        for limb, names in (
            ('leg', ('hip', 'knee', 'ankle', 'toe')),
            ('arm', ('shoulder', 'elbow', 'wrist', 'finger')),
        ):
            chains[f'{side}_{limb}'] = np.stack([points[f'{side}_{n}'] for n in names])
    return dict(sorted(chains.items(), key=lambda item: item[1][:, 2].mean()))
