"""Forward kinematics: a pose and a build become named points in the image."""

from dataclasses import dataclass

import numpy as np

from .pose import Arm, Leg, Pose

KEYPOINTS: tuple[str, ...] = (
    'nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear',
    'left_shoulder', 'right_shoulder', 'left_elbow', 'right_elbow',
    'left_wrist', 'right_wrist', 'left_hip', 'right_hip',
    'left_knee', 'right_knee', 'left_ankle', 'right_ankle',
    'left_finger', 'right_finger', 'left_toe', 'right_toe',
)  # fmt: skip

SIDES = (('left', 1.0), ('right', -1.0))


@dataclass
class Build:
    """Body proportions as factors of an average adult; ``girth`` is thickness."""

    head: float = 1.0
    torso: float = 1.0
    arms: float = 1.0
    legs: float = 1.0
    shoulders: float = 1.0
    hips: float = 1.0
    girth: float = 1.0
    feet: float = 1.0

    @classmethod
    def sample(cls, rng: np.random.Generator) -> 'Build':
        """Sample a person between child-like and tall, slim and stout."""
        head, torso, arms, legs, shoulders, hips, feet = rng.normal(1, 0.06, 7)
        return cls(
            1.12 * head, torso, arms, legs, shoulders, hips, rng.uniform(0.88, 1.22), feet
        )

    def scaled(self, **factors: float) -> 'Build':
        """Return a copy with some proportions multiplied."""
        return Build(**{k: v * factors.get(k, 1.0) for k, v in vars(self).items()})


def rotation(axis: str, degrees: float) -> np.ndarray:
    """Rotation matrix about ``axis`` ('x', 'y' or 'z').

    The body frame has x to the person's left, y up and z to the front, so a
    positive turn about x leans forward and one about y turns to the left.
    """
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return {
        'x': np.array([[1, 0, 0], [0, c, -s], [0, s, c]]),
        'y': np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]),
        'z': np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]),
    }[axis]


def _turn(angles: tuple[float, float, float]) -> np.ndarray:
    pitch, roll, yaw = angles
    return rotation('y', yaw) @ rotation('x', pitch) @ rotation('z', roll)


def _arm_points(arm: Arm, sign: float, length: float) -> np.ndarray:
    """Elbow, wrist and finger tip relative to the shoulder, torso frame, (3, 3)."""
    lift, swing, bend = np.radians([arm.lift, arm.swing, arm.bend])
    upper = np.array([
        sign * np.sin(lift) * np.cos(swing), -np.cos(lift),
        np.sin(lift) * np.sin(swing),
    ])  # fmt: skip
    towards = np.array(arm.towards) * (sign, 1, 1)
    towards = towards - towards.dot(upper) * upper
    towards /= np.linalg.norm(towards) + 1e-6
    lower = np.cos(bend) * upper + np.sin(bend) * towards
    elbow = 0.165 * length * upper
    wrist = elbow + 0.145 * length * lower
    return np.stack([elbow, wrist, wrist + 0.085 * length * lower])


def _leg_points(leg: Leg, sign: float, build: Build) -> np.ndarray:
    """Knee, ankle, heel and toe relative to the hip, pelvis frame, (4, 3)."""
    thigh = rotation('x', -leg.lift) @ rotation('z', sign * leg.spread)
    shin = thigh @ rotation('x', leg.bend)
    foot = shin @ rotation('y', sign * 12) @ rotation('x', leg.point)
    knee = thigh @ np.array([0, -0.245 * build.legs, 0])
    ankle = knee + shin @ np.array([0, -0.235 * build.legs, 0])
    heel = ankle + foot @ (np.array([0, -0.026, -0.012]) * build.feet)
    toe = ankle + foot @ (np.array([0, -0.034, 0.115]) * build.feet)
    return np.stack([knee, ankle, heel, toe])


def _head_points(scale: float) -> dict[str, np.ndarray]:
    """Points of the head relative to the top of the neck, head frame."""
    points = {
        'skull': (0, 0.088, 0.004), 'chin': (0, 0.034, 0.018),
        'nose': (0, 0.062, 0.072), 'mouth': (0, 0.036, 0.058),
        'hair': (0, 0.096, -0.012), 'nape': (0, 0.03, -0.045),
        'crown': (0, 0.16, -0.02), 'brow': (0, 0.1, 0.06),
    }  # fmt: skip
    for side, sign in SIDES:
        points[f'{side}_eye'] = (sign * 0.026, 0.084, 0.058)
        points[f'{side}_ear'] = (sign * 0.062, 0.072, -0.002)
        points[f'{side}_lip'] = (sign * 0.014, 0.036, 0.057)
        points[f'{side}_horn'] = (sign * 0.06, 0.2, 0.0)
        points[f'{side}_temple'] = (sign * 0.045, 0.13, 0.0)
        points[f'{side}_lock'] = (sign * 0.05, 0.05, -0.035)
    return {name: scale * np.array(point) for name, point in points.items()}


def body_points(pose: Pose, build: Build) -> dict[str, np.ndarray]:
    """Place every named point of a body around the middle of its pelvis.

    Return (3,) points in units of an average body height.
    """
    pelvis = _turn(pose.body)
    torso = pelvis @ _turn(pose.spine)
    head = torso @ _turn(pose.head)
    lumbar = pelvis @ np.array([0, 0.07 * build.torso, 0])

    def on_torso(x: float, y: float, z: float) -> np.ndarray:
        return lumbar + torso @ (np.array([x, y, z]) * (1, build.torso, 1))

    neck = on_torso(0, 0.215, 0)
    points = {
        'pelvis': np.zeros(3),
        'waist': on_torso(0, 0.02, 0),
        'chest': on_torso(0, 0.14, 0.005),
        'neck': neck,
        'throat': on_torso(0, 0.185, 0.047),
        'neck_top': neck + torso @ np.array([0, 0.03, 0.008]),
    }
    for name, point in _head_points(build.head).items():
        points[name] = points['neck_top'] + head @ point
    for (side, sign), arm, leg in zip(SIDES, pose.arms, pose.legs, strict=True):
        # a raised arm takes its shoulder up with it
        raised = 0.035 * max(0.0, arm.lift - 80) / 100
        shoulder = on_torso(sign * 0.108 * build.shoulders, 0.185 + raised, 0)
        hip = pelvis @ np.array([sign * 0.06 * build.hips, 0, 0])
        points[f'{side}_shoulder'] = shoulder
        points[f'{side}_breast'] = on_torso(sign * 0.062 * build.shoulders, 0.15, 0.004)
        points[f'{side}_waist'] = on_torso(sign * 0.042 * build.hips, 0.01, 0)
        points[f'{side}_hip'] = hip
        for name, point in zip(
            ('elbow', 'wrist', 'finger'), _arm_points(arm, sign, build.arms), strict=True
        ):
            points[f'{side}_{name}'] = shoulder + torso @ point
        for name, point in zip(
            ('knee', 'ankle', 'heel', 'toe'), _leg_points(leg, sign, build), strict=True
        ):
            points[f'{side}_{name}'] = hip + pelvis @ point
    return points


def view_points(
    points: dict[str, np.ndarray], yaw: float, pitch: float, distance: float = 4.0
) -> dict[str, np.ndarray]:
    """Look at a body with weak perspective.

    ``yaw`` is how far the person is turned to their left, 0 faces us; ``pitch`` how far the
    camera looks down, in degrees; ``distance`` in body heights. Return x to the right, y
    down, z towards the camera.
    """
    view = rotation('x', pitch) @ rotation('y', yaw)
    seen = {}
    for name, point in points.items():
        x, y, z = view @ point
        grow = distance / (distance - z)
        seen[name] = np.array([x * grow, -y * grow, z])
    return seen
