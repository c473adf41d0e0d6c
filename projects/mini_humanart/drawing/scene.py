"""Put one to three people into a frame."""

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np

from .figure import Figure, Outfit, make_figure
from .pose import Pose
from .pose_families import sample_pose
from .raster import Buffers, label_keypoints, rasterize
from .skeleton import Build, body_points, view_points

Rng = np.random.Generator
SUPERSAMPLING = 2

UPRIGHT = {
    'standing': 46, 'walking': 20, 'running': 9, 'cheering': 11,
    'lunging': 3, 'sitting': 4, 'dancing': 4, 'leaping': 1, 'crouching': 1,
    'bowing': 1,
}  # fmt: skip


@dataclass
class SceneSpec:
    """What a scenario asks of its images.

    Args:
        poses (dict): Pose family -> weight.
        build (dict): Factors on the proportions, see :class:`Build`.
        outfit (Callable): Samples clothes.
        people (tuple): Weights of one, two and three people.
        back_view (float): Chance that a person is seen from behind.
        profile (float): Chance that a person is seen from any other side.
        cropped (float): Chance that the frame cuts a single person's legs.
        occluded (float): Chance of something in front of the people.
        margin (float): Free border above and below, as a share of the height.
    """

    poses: dict[str, float] = field(default_factory=lambda: dict(UPRIGHT))
    build: dict[str, float] = field(default_factory=dict)
    outfit: Callable[[Rng], Outfit] = Outfit.sample
    people: tuple[float, float, float] = (0.62, 0.28, 0.10)
    back_view: float = 0.15
    profile: float = 0.30
    cropped: float = 0.07
    occluded: float = 0.06
    margin: float = 0.0


@dataclass
class Scene:
    """A frame with people, ready for a style to paint.

    Args:
        size (tuple): Height and width, pixels.
        figures (list[Figure]): People, the nearest last.
        buffers (Buffers): Twice as fine as the image.
        ground (float): y where the feet of the nearest person are.
        occluder (np.ndarray): (H, W) bool, what stands in front, image pixels.
        keypoints (list[np.ndarray]): Per person (21, 3).
        masks (list[np.ndarray]): Per person (H, W) bool.
    """

    size: tuple[int, int]
    figures: list[Figure]
    buffers: Buffers
    ground: float
    occluder: np.ndarray
    keypoints: list[np.ndarray]
    masks: list[np.ndarray]

    def horizon(self, rise: float) -> int:
        """Row where the floor ends, ``rise`` pixels above the feet."""
        height = self.size[0]
        return int(np.clip(self.ground - rise, 0.4 * height, height - 3))


def _sample_yaw(rng: Rng, spec: SceneSpec) -> float:
    kind = rng.random()
    if kind < spec.back_view:
        return rng.uniform(140, 220)
    if kind < spec.back_view + spec.profile:
        return rng.uniform(-180, 180)
    return rng.normal(0, 28)


@dataclass
class _Draft:
    """A person before it has a place: everything but scale and origin."""

    pose: Pose
    build: Build
    outfit: Outfit
    yaw: float
    pitch: float
    low: np.ndarray
    high: np.ndarray


def _draft(rng: Rng, spec: SceneSpec, pitch: float) -> _Draft:
    pose = sample_pose(rng, spec.poses)
    build = Build.sample(rng).scaled(**spec.build)
    yaw = _sample_yaw(rng, spec)
    outfit = spec.outfit(rng)
    points = np.stack(list(view_points(body_points(pose, build), yaw, pitch).values()))
    # the body is thicker than its skeleton
    return _Draft(
        pose, build, outfit, yaw, pitch, points.min(0) - 0.04, points.max(0) + 0.04
    )


def _place(
    rng: Rng, spec: SceneSpec, drafts: list[_Draft]
) -> tuple[tuple[int, int], list[Figure]]:
    """Choose a frame and put the drafts next to each other."""
    alone = len(drafts) == 1
    tall = rng.uniform(125, 190) if alone else rng.uniform(105, 150)
    scales = []
    for draft in drafts:
        extent = draft.high - draft.low
        # a lying or bent body is not blown up to the height of a standing one
        own = tall / max(extent[1], 0.75 * extent[0], 0.62) * rng.uniform(0.9, 1.0)
        scales.append(max(own, 90 / extent[1] if extent[1] > 0.5 else own))
    sizes = [s * (d.high - d.low) for s, d in zip(scales, drafts, strict=True)]
    gap = rng.uniform(-5, 14)
    wide = sum(s[0] for s in sizes) + gap * (len(sizes) - 1)
    high = max(s[1] for s in sizes)
    width = int(np.clip(wide * rng.uniform(1.05, 1.5) + 12, 136, 288))
    height = int(np.clip(high * rng.uniform(1.05, 1.25) + 8, 128, 240))
    ground = height - rng.uniform(3, max(4, height - high - 3))
    x = (width - wide) * rng.uniform(0.25, 0.75)
    if alone and rng.random() < spec.cropped:
        # a close shot: the frame ends somewhere on the legs
        ground = height + high * rng.uniform(0.1, 0.3)
    border = int(spec.margin * height)
    height, ground = height + 2 * border, ground + border
    figures = []
    for order, (draft, scale, size) in enumerate(zip(drafts, scales, sizes, strict=True)):
        foot = ground - rng.uniform(0, 10) * (order > 0)
        origin = (x - draft.low[0] * scale, foot - draft.high[1] * scale)
        # people further down in the frame stand nearer
        figures.append((foot, draft, scale, (*origin, 10.0 * foot)))
        x += size[0] + gap
    figures.sort(key=lambda item: item[0])
    return (height, width), [
        make_figure(d.pose, d.build, d.outfit, d.yaw, d.pitch, scale, origin)
        for _, d, scale, origin in figures
    ]


def _sample_occluder(rng: Rng, size: tuple[int, int], chance: float) -> np.ndarray:
    """A low box, bush or post in front of the people, (H, W) bool."""
    height, width = size
    mask = np.zeros(size, np.uint8)
    if rng.random() < chance:
        x = int(rng.uniform(0.1, 0.9) * width)
        w = int(rng.uniform(0.06, 0.16) * width)
        top = int(rng.uniform(0.72, 0.86) * height)
        kind = rng.integers(3)
        if kind == 0:
            cv2.rectangle(mask, (x - w, top), (x + w, height), 1, -1)
        elif kind == 1:
            for _ in range(12):
                spot = rng.normal((x, top + 12), (w * 0.7, 6))
                cv2.circle(mask, tuple(int(v) for v in spot), w // 3 + 3, 1, -1)
            cv2.rectangle(mask, (x - w, top + 12), (x + w, height), 1, -1)
        else:
            cv2.rectangle(mask, (x - 2, height // 3), (x + 2, height), 1, -1)
    return mask.astype(bool)


def sample_scene(rng: Rng, spec: SceneSpec) -> Scene:
    """Sample people, a frame, the buffers and the labels."""
    number = 1 + int(rng.choice(3, p=np.array(spec.people) / sum(spec.people)))
    pitch = rng.normal(4, 5)
    drafts = [_draft(rng, spec, pitch) for _ in range(number)]
    size, figures = _place(rng, spec, drafts)
    occluder = _sample_occluder(rng, size, spec.occluded)
    buffers = rasterize(figures, size, SUPERSAMPLING)
    keypoints, masks = [], []
    for index, figure in enumerate(figures):
        mask = (buffers.person == index).astype(np.float32)
        mask = cv2.resize(mask, size[::-1], interpolation=cv2.INTER_AREA) > 0.5
        labels = label_keypoints(buffers, figure, index)
        x, y = labels[:, 0].astype(int), labels[:, 1].astype(int)
        labels[occluder[y, x] & (labels[:, 2] == 2), 2] = 1
        keypoints.append(labels)
        masks.append(mask & ~occluder)
    # every second point of a footing is a tip: a toe, or a finger
    ground = max(figure.footing[1::2, 1].max() for figure in figures)
    return Scene(size, figures, buffers, ground, occluder, keypoints, masks)
