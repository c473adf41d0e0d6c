"""A clothed body as tapered capsules over a skeleton."""

from dataclasses import dataclass, field

import numpy as np

from .pose import Pose
from .skeleton import SIDES, Build, body_points, view_points

Rng = np.random.Generator

MATERIALS: tuple[str, ...] = (
    'skin', 'hair', 'top', 'bottom', 'shoe', 'eye', 'mouth', 'nose', 'extra',
)  # fmt: skip
PARTS: tuple[str, ...] = (
    'head', 'hair', 'torso', 'skirt', 'cape',
    'left_upper_arm', 'right_upper_arm', 'left_forearm', 'right_forearm',
    'left_hand', 'right_hand', 'left_thigh', 'right_thigh',
    'left_shin', 'right_shin', 'left_foot', 'right_foot',
)  # fmt: skip


@dataclass
class Outfit:
    """What a figure wears; colors are the business of each style.

    Args:
        sleeves (str): 'long', 'short', 'none' or 'wide' (a robe's).
        legwear (str): 'trousers', 'shorts', 'skirt' or 'robe'.
        dress (bool): The skirt has the color of the top.
        hair (str): 'short', 'long', 'ponytail', 'bun', 'afro' or 'bald'.
        extras (tuple): Any of 'cape', 'horns', 'hat', 'crown'.
        face (float): Size factor of eyes and mouth.
    """

    sleeves: str = 'long'
    legwear: str = 'trousers'
    dress: bool = False
    hair: str = 'short'
    extras: tuple[str, ...] = ()
    face: float = 1.0

    @classmethod
    def sample(cls, rng: Rng) -> 'Outfit':
        """Sample everyday clothes."""
        sleeves = str(rng.choice(['long', 'short', 'short', 'none']))
        legwear = str(rng.choice(['trousers', 'trousers', 'trousers', 'shorts', 'skirt']))
        hairs = ['short', 'short', 'short', 'long', 'ponytail', 'bun', 'afro', 'bald']
        return cls(
            sleeves,
            legwear,
            legwear == 'skirt' and rng.random() < 0.6,
            str(rng.choice(hairs)),
        )


@dataclass
class Capsule:
    """A tapered capsule in image coordinates.

    Args:
        start, end (np.ndarray): (3,) x right, y down, z towards the camera, pixels.
        radii (tuple): Radius at start and end, pixels.
        part (str): One of ``PARTS``.
        material (str): One of ``MATERIALS``.
        flat (bool): Cut off at the end instead of rounded.
        lift (float): Pixels it is moved towards the camera in depth tests only.
    """

    start: np.ndarray
    end: np.ndarray
    radii: tuple[float, float]
    part: str
    material: str
    flat: bool = False
    lift: float = 0.0


@dataclass
class Figure:
    """One person in the image.

    Args:
        pose (Pose): The pose, for descriptions.
        outfit (Outfit): The clothes.
        points (dict): Name -> (3,) point in pixels, z towards the camera.
        scale (float): Pixels per average body height.
        build (Build): Its proportions.
        yaw (float): Degrees turned to its left; 0 faces us.
        capsules (list): What to draw.
    """

    pose: Pose
    outfit: Outfit
    points: dict[str, np.ndarray]
    scale: float
    build: Build
    yaw: float
    capsules: list[Capsule] = field(default_factory=list)

    @property
    def footing(self) -> np.ndarray:
        """(4, 3) points that touch the ground: feet, or hands if upside down."""
        pitch, roll, _ = self.pose.body
        upright = abs(pitch) < 45 and abs(roll) < 45
        ends = ('heel', 'toe') if upright else ('wrist', 'finger')
        return np.stack([self.points[f'{s}_{end}'] for s, _ in SIDES for end in ends])


class _Tailor:
    """Collect capsules, given in units of body height, for one figure."""

    def __init__(self, figure: Figure) -> None:
        self.figure = figure
        self.points = figure.points
        self.girth = figure.build.girth

    def between(self, a: str, b: str, t: float) -> np.ndarray:
        return self.points[a] * (1 - t) + self.points[b] * t

    def add(
        self,
        start: str | np.ndarray,
        end: str | np.ndarray,
        radii: tuple[float, float],
        part: str,
        material: str,
        girth: float | None = None,
        **more: float,
    ) -> None:
        size = self.figure.scale * (self.girth if girth is None else girth)
        ends = [self.points[p] if isinstance(p, str) else p for p in (start, end)]
        self.figure.capsules.append(
            Capsule(*ends, (radii[0] * size, radii[1] * size), part, material, **more)
        )


def _dress_torso(tailor: _Tailor, outfit: Outfit) -> None:
    below = 'top' if outfit.dress or outfit.legwear == 'robe' else 'bottom'
    tailor.add('chest', 'waist', (0.06, 0.036), 'torso', 'top')
    tailor.add('left_waist', 'right_waist', (0.038, 0.038), 'torso', below, lift=3.0)
    for side, _ in SIDES:
        tailor.add(f'{side}_breast', f'{side}_waist', (0.05, 0.04), 'torso', 'top')
        tailor.add(f'{side}_shoulder', 'neck', (0.034, 0.03), 'torso', 'top')
        tailor.add(f'{side}_shoulder', f'{side}_waist', (0.034, 0.042), 'torso', 'top')
        tailor.add(f'{side}_waist', f'{side}_hip', (0.048, 0.05), 'torso', below)
    tailor.add('left_hip', 'right_hip', (0.052, 0.052), 'torso', below)
    tailor.add('neck', 'neck_top', (0.03, 0.028), 'torso', 'skin')
    # the neckline tells front from back
    collar = tailor.between('throat', 'neck_top', 0.6)
    tailor.add('throat', collar, (0.023, 0.02), 'torso', 'skin')


def _dress_arm(tailor: _Tailor, outfit: Outfit, side: str) -> None:
    shoulder, elbow, wrist = (f'{side}_{p}' for p in ('shoulder', 'elbow', 'wrist'))
    upper, lower, hand = (f'{side}_{p}' for p in ('upper_arm', 'forearm', 'hand'))
    covered = outfit.sleeves in ('long', 'wide')
    tailor.add(shoulder, elbow, (0.034, 0.027), upper, 'top' if covered else 'skin')
    tailor.add(elbow, wrist, (0.028, 0.02), lower, 'top' if covered else 'skin')
    if outfit.sleeves == 'short':
        middle = tailor.between(shoulder, elbow, 0.6)
        tailor.add(shoulder, middle, (0.04, 0.037), upper, 'top', flat=True)
    elif outfit.sleeves == 'wide':
        tailor.add(elbow, wrist, (0.03, 0.062), lower, 'top', flat=True)
    palm = tailor.between(wrist, f'{side}_finger', 0.5)
    tailor.add(wrist, palm, (0.019, 0.023), hand, 'skin')
    tailor.add(palm, f'{side}_finger', (0.021, 0.011), hand, 'skin')


def _dress_leg(tailor: _Tailor, outfit: Outfit, side: str) -> None:
    hip, knee, ankle = (f'{side}_{p}' for p in ('hip', 'knee', 'ankle'))
    thigh, shin, foot = (f'{side}_{p}' for p in ('thigh', 'shin', 'foot'))
    if outfit.legwear == 'trousers':
        tailor.add(hip, knee, (0.053, 0.041), thigh, 'bottom')
        tailor.add(knee, ankle, (0.041, 0.03), shin, 'bottom')
    else:
        tailor.add(hip, knee, (0.05, 0.037), thigh, 'skin')
        tailor.add(knee, ankle, (0.037, 0.022), shin, 'skin')
    if outfit.legwear == 'shorts':
        middle = tailor.between(hip, knee, 0.7)
        tailor.add(hip, middle, (0.055, 0.052), thigh, 'bottom', flat=True)
    feet = tailor.figure.build.feet
    tailor.add(ankle, f'{side}_heel', (0.025, 0.024), foot, 'shoe', feet)
    tailor.add(f'{side}_heel', f'{side}_toe', (0.025, 0.019), foot, 'shoe', feet)


def _dress_skirt(tailor: _Tailor, outfit: Outfit) -> None:
    """Cover the legs down to the knees, or down to the ankles with a robe."""
    material = 'top' if outfit.dress or outfit.legwear == 'robe' else 'bottom'
    robe = outfit.legwear == 'robe'
    hems = []
    for side, _ in SIDES:
        if robe:
            hems.append(tailor.between(f'{side}_knee', f'{side}_ankle', 0.72))
        else:
            hems.append(tailor.between(f'{side}_hip', f'{side}_knee', 0.82))
    flare = (0.056, 0.085) if robe else (0.055, 0.07)
    middle = sum(hems) / 2
    for (side, _), hem in zip(SIDES, hems, strict=True):
        tailor.add(f'{side}_hip', hem, flare, 'skirt', material, flat=True)
    tailor.add('pelvis', middle, flare, 'skirt', material, flat=True)


def _dress_head(tailor: _Tailor, outfit: Outfit) -> None:
    size = tailor.figure.build.head
    face = size * outfit.face
    tailor.add('skull', 'chin', (0.062, 0.044), 'head', 'skin', size)
    tailor.add('nose', 'nose', (0.010, 0.010), 'head', 'nose', size)
    for side, _ in SIDES:
        tailor.add(f'{side}_ear', f'{side}_ear', (0.014, 0.014), 'head', 'skin', size)
        eye = f'{side}_eye'
        tailor.add(eye, eye, (0.0095, 0.0095), 'head', 'eye', face, lift=0.5)
    tailor.add('left_lip', 'right_lip', (0.007, 0.007), 'head', 'mouth', size, lift=0.3)
    if outfit.hair == 'bald':
        return
    cap = 0.088 if outfit.hair == 'afro' else 0.068
    tailor.add('hair', 'nape', (cap, 0.045), 'hair', 'hair', size)
    if outfit.hair == 'long':
        for side, _ in SIDES:
            end = tailor.between(f'{side}_lock', f'{side}_breast', 0.75)
            end = end * 0.75 + tailor.points['nape'] * 0.25
            tailor.add(f'{side}_lock', end, (0.034, 0.026), 'hair', 'hair', size)
        tailor.add('nape', 'neck', (0.045, 0.04), 'hair', 'hair', size)
    elif outfit.hair == 'ponytail':
        tail = tailor.points['nape'] * 2 - tailor.points['skull']
        tailor.add('nape', tail, (0.035, 0.015), 'hair', 'hair', size)
    elif outfit.hair == 'bun':
        tailor.add('crown', 'crown', (0.036, 0.036), 'hair', 'hair', size)


def _dress_extras(tailor: _Tailor, outfit: Outfit) -> None:
    size = tailor.figure.build.head
    if 'horns' in outfit.extras:
        for side, _ in SIDES:
            tailor.add(
                f'{side}_temple', f'{side}_horn', (0.022, 0.004), 'hair', 'extra', size
            )
    if 'hat' in outfit.extras:
        brim = tailor.between('hair', 'crown', 0.55)
        tip = tailor.points['crown'] * 2 - tailor.points['skull']
        tailor.add(brim, tip, (0.062, 0.012), 'hair', 'extra', size)
    if 'crown' in outfit.extras:
        brim, tip = (tailor.between('hair', 'crown', t) for t in (0.6, 1.5))
        tailor.add(brim, tip, (0.054, 0.066), 'hair', 'extra', size, flat=True)
    if 'cape' in outfit.extras:
        # behind the back, whichever way the back faces
        points = tailor.points
        back = points['neck'] - points['throat']
        back = back / (np.linalg.norm(back) + 1e-6) * 0.09 * tailor.figure.scale
        for side, _ in SIDES:
            end = points[f'{side}_knee'] * 0.5 + points['pelvis'] * 0.5 + back
            tailor.add(
                points[f'{side}_breast'] + back * 0.4,
                end,
                (0.035, 0.09),
                'cape',
                'extra',
                flat=True,
            )


def make_figure(
    pose: Pose,
    build: Build,
    outfit: Outfit,
    yaw: float,
    pitch: float,
    scale: float,
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Figure:
    """Dress a skeleton.

    The pelvis lands at ``origin``, in pixels, z towards the camera; ``scale`` is the pixels
    per average body height, ``yaw`` and ``pitch`` are in degrees.
    """
    seen = view_points(body_points(pose, build), yaw, pitch)
    points = {name: point * scale + origin for name, point in seen.items()}
    figure = Figure(pose, outfit, points, scale, build, yaw)
    tailor = _Tailor(figure)
    _dress_torso(tailor, outfit)
    for side, _ in SIDES:
        _dress_arm(tailor, outfit, side)
        _dress_leg(tailor, outfit, side)
    if outfit.legwear in ('skirt', 'robe'):
        _dress_skirt(tailor, outfit)
    _dress_head(tailor, outfit)
    _dress_extras(tailor, outfit)
    return figure
