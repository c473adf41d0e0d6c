"""Families of poses, such as walking or sitting, to sample from."""

from collections.abc import Callable

import numpy as np

from .pose import Arm, Leg, Pose

Rng = np.random.Generator
Range = tuple[float, float]

# lift, swing, bend ranges and the bending direction of each arm gesture
ARMS: dict[str, tuple[Range, Range, Range, tuple[float, float, float]]] = {
    'hanging': ((5, 22), (-25, 45), (2, 35), (-0.2, 0, 1)),
    'akimbo': ((36, 52), (-15, 8), (85, 105), (-1, -0.3, 0.15)),
    'waving': ((65, 110), (-10, 35), (55, 115), (0.25, 1, 0.2)),
    'raised': ((138, 172), (-15, 45), (0, 40), (-1, 0.2, 0.2)),
    'forward': ((60, 100), (60, 92), (0, 55), (-0.3, 1, 0)),
    'sideways': ((72, 100), (-10, 15), (0, 30), (0, 0.6, 1)),
    'carrying': ((8, 28), (20, 60), (70, 110), (-0.35, 0, 1)),
    'thinking': ((28, 50), (50, 78), (115, 138), (-0.35, 1, 0.2)),
    'back': ((25, 50), (-70, -30), (0, 40), (-0.2, 0, 1)),
    'running': ((20, 55), (60, 85), (75, 110), (-0.2, 0.6, 1)),
    'running_back': ((25, 55), (-85, -55), (65, 100), (-0.2, -0.3, 1)),
    'support': ((168, 178), (0, 50), (0, 12), (-0.3, 0, 1)),
}


def _arm(rng: Rng, name: str) -> Arm:
    lift, swing, bend, towards = ARMS[name]
    return Arm(rng.uniform(*lift), rng.uniform(*swing), rng.uniform(*bend), towards)


def _arms(rng: Rng, names: str, both: float = 0.3) -> tuple[Arm, Arm]:
    """Draw two arm gestures out of ``names``, the same one with chance ``both``."""
    choice = rng.choice(names.split(), 2)
    if rng.random() < both:
        choice[1] = choice[0]
    return _arm(rng, choice[0]), _arm(rng, choice[1])


def _leg(rng: Rng, lift: Range, spread: Range, bend: Range, point: Range) -> Leg:
    return Leg(*(rng.uniform(*span) for span in (lift, spread, bend, point)))


def _legs(rng: Rng, *spans: Range) -> tuple[Leg, Leg]:
    """Draw both legs from the same ranges."""
    return _leg(rng, *spans), _leg(rng, *spans)


def _head(rng: Rng, turn: float = 30.0) -> tuple[float, float, float]:
    return rng.uniform(-12, 15), rng.uniform(-10, 10), rng.uniform(-turn, turn)


def _spine(rng: Rng, bend: Range = (-4, 8)) -> tuple[float, float, float]:
    return rng.uniform(*bend), rng.uniform(-6, 6), rng.uniform(-10, 10)


def _swap(rng: Rng, first: Leg | Arm, second: Leg | Arm) -> tuple:
    """Give the two halves of an asymmetric pose to a random side."""
    return (first, second) if rng.random() < 0.5 else (second, first)


def _standing(rng: Rng) -> Pose:
    legs = _legs(rng, (-6, 10), (2, 12), (0, 14), (-4, 4))
    gestures = 'hanging hanging akimbo carrying waving raised sideways forward thinking'
    return Pose('standing', _arms(rng, gestures), legs, (0, 0, 0), _spine(rng), _head(rng))


def _walking(rng: Rng) -> Pose:
    stride = rng.uniform(14, 30)
    front = _leg(rng, (stride - 4, stride + 4), (0, 5), (4, 18), (-12, 4))
    rear = _leg(rng, (-stride, -stride + 8), (0, 5), (8, 42), (8, 30))
    arms = (_arm(rng, 'back'), _arm(rng, 'carrying'))
    arms[1].bend = rng.uniform(10, 70)
    left_first = rng.random() < 0.5
    return Pose(
        'walking',
        arms if left_first else arms[::-1],
        (front, rear) if left_first else (rear, front),
        (rng.uniform(0, 5), 0, 0), _spine(rng), _head(rng),
    )  # fmt: skip


def _running(rng: Rng) -> Pose:
    front = _leg(rng, (40, 75), (0, 6), (50, 100), (-5, 25))
    rear = _leg(rng, (-35, -12), (0, 6), (25, 95), (20, 50))
    arms = (_arm(rng, 'running_back'), _arm(rng, 'running'))
    left_first = rng.random() < 0.5
    return Pose(
        'running',
        arms if left_first else arms[::-1],
        (front, rear) if left_first else (rear, front),
        (rng.uniform(6, 18), 0, 0), _spine(rng), _head(rng, 15),
    )  # fmt: skip


def _cheering(rng: Rng) -> Pose:
    legs = _legs(rng, (-5, 12), (4, 18), (0, 20), (0, 10))
    return Pose(
        'cheering',
        _arms(rng, 'raised waving sideways', 0.6),
        legs,
        (0, 0, 0),
        _spine(rng),
        _head(rng),
    )


def _dancing(rng: Rng) -> Pose:
    free = _leg(rng, (-30, 70), (10, 55), (0, 100), (30, 70))
    firm = _leg(rng, (-6, 10), (0, 10), (0, 25), (0, 45))
    return Pose(
        'dancing',
        _arms(rng, 'raised sideways waving forward akimbo', 0.2),
        _swap(rng, free, firm),
        (rng.uniform(-5, 10), rng.uniform(-12, 12), 0),
        (rng.uniform(-18, 14), rng.uniform(-16, 16), rng.uniform(-20, 20)),
        _head(rng),
    )


def _arabesque(rng: Rng) -> Pose:
    free = _leg(rng, (-75, -45), (5, 20), (0, 25), (55, 80))
    firm = _leg(rng, (18, 32), (0, 4), (0, 6), (0, 50))
    return Pose(
        'arabesque',
        _arms(rng, 'sideways raised forward', 0.3),
        _swap(rng, free, firm),
        (rng.uniform(18, 32), 0, 0),
        (rng.uniform(-30, -12), 0, 0),
        _head(rng, 15),
    )


def _split(rng: Rng) -> Pose:
    front = _leg(rng, (75, 92), (0, 8), (0, 8), (50, 80))
    rear = _leg(rng, (-88, -70), (0, 8), (0, 12), (50, 80))
    return Pose(
        'doing a split',
        _arms(rng, 'sideways raised', 0.7),
        _swap(rng, front, rear),
        (0, 0, 0),
        _spine(rng),
        _head(rng),
    )


def _handstand(rng: Rng) -> Pose:
    legs = _legs(rng, (-45, 50), (0, 38), (0, 35), (40, 75))
    return Pose(
        'standing on the hands',
        _arms(rng, 'support'),
        legs,
        (180 + rng.uniform(-12, 12), rng.uniform(-8, 8), 0),
        (rng.uniform(-15, 8), 0, 0),
        (rng.uniform(-40, -10), 0, 0),
    )


def _cartwheel(rng: Rng) -> Pose:
    legs = _legs(rng, (-8, 8), (35, 62), (0, 10), (40, 75))
    roll = rng.choice([-1, 1]) * rng.uniform(70, 160)
    return Pose(
        'turning a cartwheel',
        _arms(rng, 'support', 1.0),
        legs,
        (0, roll, 0),
        _spine(rng),
        _head(rng, 10),
    )


def _leaping(rng: Rng) -> Pose:
    front = _leg(rng, (45, 90), (0, 12), (0, 30), (40, 75))
    rear = _leg(rng, (-75, -35), (0, 12), (0, 45), (40, 75))
    return Pose(
        'leaping',
        _arms(rng, 'raised sideways forward', 0.4),
        _swap(rng, front, rear),
        (rng.uniform(-5, 15), 0, 0),
        _spine(rng, (-15, 5)),
        _head(rng, 15),
    )


def _sitting(rng: Rng) -> Pose:
    legs = _legs(rng, (78, 96), (4, 16), (65, 105), (-5, 10))
    return Pose(
        'sitting',
        _arms(rng, 'hanging carrying thinking forward', 0.4),
        legs,
        (0, 0, 0),
        _spine(rng, (-6, 14)),
        _head(rng),
    )


def _crouching(rng: Rng) -> Pose:
    legs = _legs(rng, (85, 120), (6, 24), (100, 135), (-15, 5))
    return Pose(
        'crouching',
        _arms(rng, 'forward carrying thinking', 0.5),
        legs,
        (rng.uniform(5, 20), 0, 0),
        _spine(rng, (5, 25)),
        _head(rng),
    )


def _lunging(rng: Rng) -> Pose:
    front = _leg(rng, (55, 80), (0, 15), (60, 90), (-5, 5))
    rear = _leg(rng, (-50, -25), (5, 20), (0, 25), (5, 25))
    return Pose(
        'lunging',
        _arms(rng, 'forward sideways raised akimbo', 0.2),
        _swap(rng, front, rear),
        (rng.uniform(0, 10), 0, 0),
        _spine(rng),
        _head(rng),
    )


def _bowing(rng: Rng) -> Pose:
    legs = _legs(rng, (10, 30), (2, 10), (0, 20), (-4, 4))
    return Pose(
        'bowing',
        _arms(rng, 'hanging sideways forward carrying', 0.5),
        legs,
        (rng.uniform(10, 25), 0, 0),
        (rng.uniform(15, 35), 0, 0),
        _head(rng),
    )


FAMILIES: dict[str, Callable[[Rng], Pose]] = {
    'standing': _standing,
    'walking': _walking,
    'running': _running,
    'cheering': _cheering,
    'dancing': _dancing,
    'arabesque': _arabesque,
    'split': _split,
    'handstand': _handstand,
    'cartwheel': _cartwheel,
    'leaping': _leaping,
    'sitting': _sitting,
    'crouching': _crouching,
    'lunging': _lunging,
    'bowing': _bowing,
}


def sample_pose(rng: Rng, weights: dict[str, float]) -> Pose:
    """Sample a pose from weighted families."""
    chances = np.array(list(weights.values()), float)
    name = rng.choice(list(weights), p=chances / chances.sum())
    return FAMILIES[str(name)](rng)
