"""Poses as joint angles."""

from dataclasses import dataclass


@dataclass
class Arm:
    """One arm, in the frame of the torso, in degrees.

    Args:
        lift (float): 0 = hanging, 90 = horizontal, 180 = straight up.
        swing (float): Where a lifted arm points: 0 = sideways, 90 = forward.
        bend (float): Elbow angle, 0 = straight.
        towards (tuple): (out, up, forward) direction the forearm bends to.
    """

    lift: float
    swing: float
    bend: float
    towards: tuple[float, float, float]


@dataclass
class Leg:
    """One leg, in the frame of the pelvis, in degrees.

    Args:
        lift (float): Thigh angle to the front, 0 = straight down.
        spread (float): Thigh angle to the side.
        bend (float): Knee angle, 0 = straight.
        point (float): Foot angle, 0 = flat, 80 = pointed toes.
    """

    lift: float
    spread: float
    bend: float
    point: float = 0.0


@dataclass
class Pose:
    """A whole body pose; pairs are (left, right), triples (pitch, roll, yaw)."""

    name: str
    arms: tuple[Arm, Arm]
    legs: tuple[Leg, Leg]
    body: tuple[float, float, float] = (0.0, 0.0, 0.0)
    spine: tuple[float, float, float] = (0.0, 0.0, 0.0)
    head: tuple[float, float, float] = (0.0, 0.0, 0.0)
