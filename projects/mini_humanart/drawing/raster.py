"""Rasterize figures into per-pixel buffers, and say what is visible."""

from dataclasses import dataclass

import cv2
import numpy as np

from .figure import MATERIALS, PARTS, Capsule, Figure
from .skeleton import KEYPOINTS

# what may lie in front of a joint without hiding it
_TOUCHING: dict[str, tuple[str, ...]] = {
    'shoulder': ('torso', 'upper_arm', 'hair', 'cape'),
    'elbow': ('upper_arm', 'forearm'),
    'wrist': ('forearm', 'hand'),
    'finger': ('hand', 'forearm'),
    'hip': ('torso', 'thigh', 'skirt'),
    'knee': ('thigh', 'shin', 'skirt'),
    'ankle': ('shin', 'foot', 'skirt'),
    'toe': ('foot',),
}


@dataclass
class Buffers:
    """Per-pixel facts about the nearest surface, all (H, W) but ``normal``.

    Args:
        depth (np.ndarray): Float, towards the camera in pixels; -inf for nothing.
        person (np.ndarray): Index of the figure, -1 for nothing.
        part (np.ndarray): Index into ``PARTS``, -1 for nothing.
        material (np.ndarray): Index into ``MATERIALS``, -1 for nothing.
        normal (np.ndarray): (H, W, 3) unit normals: right, down, to the camera.
        across (np.ndarray): -1 .. 1 from one edge of a part to the other.
        along (np.ndarray): Pixels from the start of a part.
        scale (float): Buffer pixels per image pixel.
    """

    depth: np.ndarray
    person: np.ndarray
    part: np.ndarray
    material: np.ndarray
    normal: np.ndarray
    across: np.ndarray
    along: np.ndarray
    scale: float

    @property
    def mask(self) -> np.ndarray:
        """(H, W) bool, where any figure is."""
        return self.person >= 0

    def of(self, *materials: str) -> np.ndarray:
        """(H, W) bool, where one of ``materials`` is."""
        return np.isin(self.material, [MATERIALS.index(m) for m in materials])


def _draw(buffers: Buffers, capsule: Capsule, person: int) -> None:
    """Draw one capsule where it is nearer than what is there."""
    s = buffers.scale
    (x0, y0, z0), (x1, y1, z1) = capsule.start * s, capsule.end * s
    r0, r1 = capsule.radii[0] * s, capsule.radii[1] * s
    height, width = buffers.depth.shape
    r = max(r0, r1)
    left, right = int(max(0, min(x0, x1) - r)), int(min(width, max(x0, x1) + r + 2))
    top, bottom = int(max(0, min(y0, y1) - r)), int(min(height, max(y0, y1) + r + 2))
    if left >= right or top >= bottom:
        return
    window = np.s_[top:bottom, left:right]
    gx = np.arange(left, right, dtype=np.float32)[None] + np.float32(0.5 - x0)
    gy = np.arange(top, bottom, dtype=np.float32)[:, None] + np.float32(0.5 - y0)
    dx, dy, dz = x1 - x0, y1 - y0, z1 - z0
    length = np.hypot(dx, dy)
    if length > 1e-3:
        raw = (gx * np.float32(dx) + gy * np.float32(dy)) / np.float32(length**2)
    else:
        raw = np.full(np.broadcast_shapes(gx.shape, gy.shape), float(dz > 0), 'f4')
    t = np.clip(raw, 0, 1)
    if abs(dz) > length:
        # seen nearly end on: the nearer end hides the rest
        near = 1.0 if dz > 0 else 0.0
        rim = r1 if near else r0
        fits = np.hypot(gx - near * dx, gy - near * dy) < rim
        t = np.where(fits, np.float32(near), t)
    nx, ny = gx - t * np.float32(dx), gy - t * np.float32(dy)
    radius = np.float32(r0) + t * np.float32(r1 - r0)
    bulge = radius**2 - nx**2 - ny**2
    inside = bulge > 0
    if capsule.flat:
        inside &= raw <= 1
    bulge = np.sqrt(np.maximum(bulge, 0))
    z = np.float32(z0 + capsule.lift * s) + t * np.float32(dz) + bulge
    won = inside & (z > buffers.depth[window])
    buffers.depth[window][won] = z[won]
    buffers.person[window][won] = person
    buffers.part[window][won] = PARTS.index(capsule.part)
    buffers.material[window][won] = MATERIALS.index(capsule.material)
    radius = radius[won]
    normal = np.stack([nx[won], ny[won], bulge[won]], -1) / radius[:, None]
    buffers.normal[window][won] = normal
    # signed distance from the axis, for stripes and for light from one side
    side = (nx * np.float32(-dy) + ny * np.float32(dx))[won]
    buffers.across[window][won] = side / (np.float32(length + 1e-3) * radius)
    buffers.along[window][won] = (t * np.float32(length))[won]


def _smooth_torsos(buffers: Buffers) -> None:
    """Melt the capsules of each torso into one surface, in place."""
    clothed = (buffers.part == PARTS.index('torso')) & ~buffers.of('skin')
    weight = clothed.astype(np.float32)
    sigma = 2.5 * buffers.scale
    normal = cv2.GaussianBlur(buffers.normal * weight[..., None], (0, 0), sigma)
    normal = normal[clothed] / cv2.GaussianBlur(weight, (0, 0), sigma)[clothed][:, None]
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-6
    buffers.normal[clothed] = 0.7 * normal + 0.3 * buffers.normal[clothed]


def rasterize(figures: list[Figure], size: tuple[int, int], scale: float) -> Buffers:
    """Rasterize all figures, ``scale`` buffer pixels per pixel of the (height, width)."""
    shape = round(size[0] * scale), round(size[1] * scale)
    buffers = Buffers(
        depth=np.full(shape, -np.inf, np.float32),
        person=np.full(shape, -1, np.int16),
        part=np.full(shape, -1, np.int16),
        material=np.full(shape, -1, np.int16),
        normal=np.zeros((*shape, 3), np.float32),
        across=np.zeros(shape, np.float32),
        along=np.zeros(shape, np.float32),
        scale=scale,
    )
    for index, figure in enumerate(figures):
        for capsule in figure.capsules:
            _draw(buffers, capsule, index)
    _smooth_torsos(buffers)
    return buffers


def _is_hidden(buffers: Buffers, figure: Figure, index: int, name: str) -> bool:
    """Whether something of ``figure`` or of another covers the joint ``name``."""
    x, y, z = figure.points[name] * buffers.scale
    at = int(y), int(x)
    if buffers.person[at] != index:
        return buffers.person[at] >= 0
    side, _, joint = name.partition('_')
    part = PARTS[buffers.part[at]]
    touching = _TOUCHING[joint]
    if part in touching or part in [f'{side}_{p}' for p in touching]:
        return False
    return bool(buffers.depth[at] - z > 0.06 * figure.scale * buffers.scale)


def _is_seen_on_head(buffers: Buffers, figure: Figure, index: int, name: str) -> int:
    """Visibility of a point of the face: the far side of a head is not labeled."""
    x, y, z = figure.points[name] * buffers.scale
    at = int(y), int(x)
    if buffers.person[at] != index or PARTS[buffers.part[at]] not in ('head', 'hair'):
        # covered by an arm: hidden only if the head itself would have shown it
        return 1 if z > figure.points['skull'][2] * buffers.scale else 0
    margin = 0.035 * figure.build.head * figure.scale * buffers.scale
    return 2 if buffers.depth[at] - z < margin else 0


def label_keypoints(buffers: Buffers, figure: Figure, index: int) -> np.ndarray:
    """Keypoints of a figure as a person would label them.

    Return (21, 3): x, y in image pixels, and visibility 0, 1 or 2.
    """
    height, width = (n / buffers.scale for n in buffers.depth.shape)
    labels = np.zeros((len(KEYPOINTS), 3))
    for row, name in zip(labels, KEYPOINTS, strict=True):
        x, y, _ = figure.points[name]
        if not (0 <= x < width and 0 <= y < height):
            continue
        if name == 'nose' or name.endswith(('eye', 'ear')):
            visible = _is_seen_on_head(buffers, figure, index, name)
        else:
            visible = 1 if _is_hidden(buffers, figure, index, name) else 2
        if visible:
            row[:] = x, y, visible
    return labels
