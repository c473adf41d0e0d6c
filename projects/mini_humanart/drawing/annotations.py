"""Scenes as records of COCO and of Human-Art, field by field."""

import cv2
import numpy as np

from .figure import MATERIALS
from .scene import Scene
from .skeleton import KEYPOINTS
from .styles import Scenario

Rng = np.random.Generator

_BODY = [
    [16, 14], [14, 12], [17, 15], [15, 13], [12, 13], [6, 12], [7, 13], [6, 7],
    [6, 8], [7, 9], [8, 10], [9, 11], [2, 3], [1, 2], [1, 3], [2, 4], [3, 5],
    [4, 6], [5, 7],
]  # fmt: skip
_BODY_21 = [
    [20, 16], [16, 14], [14, 12], [21, 17], [17, 15], [15, 13], [12, 13], [6, 12],
    [7, 13], [6, 7], [6, 8], [7, 9], [10, 18], [8, 10], [11, 19], [9, 11], [2, 3],
    [1, 2], [1, 3], [2, 4], [3, 5], [4, 6], [5, 7],
]  # fmt: skip
_PERSON = {'supercategory': 'person', 'id': 1, 'name': 'person'}
COCO_CATEGORY = {**_PERSON, 'keypoints': list(KEYPOINTS[:17]), 'skeleton': _BODY}
HUMANART_CATEGORY = {**_PERSON, 'keypoints': list(KEYPOINTS), 'skeleton': _BODY_21}

_COLORS = {
    'black': (25, 25, 25), 'gray': (125, 125, 125), 'white': (235, 235, 235),
    'red': (45, 40, 200), 'orange': (40, 130, 230), 'yellow': (60, 215, 235),
    'green': (60, 150, 60), 'blue': (190, 90, 40), 'purple': (150, 50, 130),
    'pink': (190, 150, 240), 'brown': (45, 75, 120), 'beige': (170, 205, 225),
}  # fmt: skip
_NUMBERS = ('no one', 'a person', 'two people', 'three people')


def _pixel_labels(labels: np.ndarray) -> np.ndarray:
    """Move keypoints from continuous coordinates to pixel centers at integers."""
    moved = labels.copy()
    moved[:, :2] = np.maximum(moved[:, :2] - 0.5, 0)
    moved[labels[:, 2] == 0] = 0
    return moved


def _flat(labels: np.ndarray) -> list:
    """(K, 3) keypoints as the flat list of JSON, visibility as int."""
    rows = [(round(float(x), 4), round(float(y), 4), int(v)) for x, y, v in labels]
    return [number for row in rows for number in row]


def _bbox(mask: np.ndarray) -> list[float]:
    """x, y, width and height of a body mask, pixels."""
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return [float(x), float(y), float(width), float(height)]


def _polygons(mask: np.ndarray) -> list[list[float]]:
    """Outlines of a body mask as COCO polygons, pixels."""
    contours, _ = cv2.findContours(
        mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_TC89_L1
    )
    flat = [c.reshape(-1).astype(float).tolist() for c in contours]
    return [polygon for polygon in flat if len(polygon) >= 6]


def coco_annotations(scene: Scene, image_id: int, first_id: int) -> list[dict]:
    """Annotations of a photo, with whole-pixel keypoints as COCO has them.

    Annotation ids count up from ``first_id``.
    """
    records = []
    for index, (labels, mask) in enumerate(zip(scene.keypoints, scene.masks, strict=True)):
        body = np.rint(_pixel_labels(labels[:17])).astype(int)
        records.append({
            'segmentation': _polygons(mask),
            'num_keypoints': int((body[:, 2] > 0).sum()),
            'area': float(mask.sum()),
            'iscrowd': 0,
            'keypoints': body.reshape(-1).tolist(),
            'image_id': image_id,
            'bbox': _bbox(mask),
            'category_id': 1,
            'id': first_id + index,
        })  # fmt: skip
    return records


def humanart_annotations(scene: Scene, image_id: int, first_id: int) -> list[dict]:
    """Annotations of an artwork: 17 and 21 keypoints; arguments as for photos."""
    records = []
    for index, (labels, mask) in enumerate(zip(scene.keypoints, scene.masks, strict=True)):
        body = _pixel_labels(labels)
        records.append({
            'keypoints': _flat(body[:17]),
            'keypoints_21': _flat(body),
            'self_contact': [],
            'num_keypoints': int((body[:17, 2] > 0).sum()),
            'num_keypoints_21': int((body[:, 2] > 0).sum()),
            'iscrowd': 0,
            'image_id': image_id,
            'area': float(mask.sum()),
            'bbox': _bbox(mask),
            'category_id': 1,
            'id': first_id + index,
            'annotator': 0,
        })  # fmt: skip
    return records


def coco_image(scene: Scene, image_id: int) -> dict:
    """Image record of a photo."""
    return {
        'license': 1,
        'file_name': f'{image_id:012d}.jpg',
        'coco_url': '',
        'height': scene.size[0],
        'width': scene.size[1],
        'date_captured': '2024-01-01 00:00:00',
        'flickr_url': '',
        'id': image_id,
    }


def humanart_image(
    scene: Scene, scenario: Scenario, image_id: int, image: np.ndarray
) -> dict:
    """Image record of an artwork; its last twelve digits name the file."""
    number = image_id % 10**12
    folder = f'HumanArt/images/{scenario.group}/{scenario.name}'
    return {
        'file_name': f'{folder}/{number:012d}.jpg',
        'height': scene.size[0],
        'width': scene.size[1],
        'id': image_id,
        'page_url': '',
        'image_url': '',
        'picture_name': 'None',
        'author': 'None',
        'description': describe(scene, scenario, image),
        'category': scenario.name.replace('_', ' '),
    }


def _color_name(pixels: np.ndarray) -> str:
    """Nearest color word of (N, 3) BGR pixels."""
    mean = pixels.astype(float).mean(0)
    return min(_COLORS, key=lambda name: np.abs(mean - _COLORS[name]).sum())


def describe(scene: Scene, scenario: Scenario, image: np.ndarray) -> str:
    """A caption such as 'mural, two people in red and blue dancing'.

    The colors are read off the image, (h, w, 3) BGR, uint8.
    """
    cloth = scene.buffers.material == MATERIALS.index('top')
    step = round(scene.buffers.scale)
    colors = []
    for index in range(len(scene.figures)):
        where = cloth & (scene.buffers.person == index)
        where = where[step // 2 :: step, step // 2 :: step]
        if where.any():
            colors.append(_color_name(image[where]))
    clothes = ' and '.join(dict.fromkeys(colors)) or 'costume'
    poses = ' and '.join(dict.fromkeys(figure.pose.name for figure in scene.figures))
    return f'{scenario.name}, {_NUMBERS[len(scene.figures)]} in {clothes} {poses}'


def _jitter(rng: Rng, bbox: list[float], amount: float) -> np.ndarray:
    """Move and stretch a bbox (xywh) by ``amount`` of its size; return it as xyxy."""
    x, y, width, height = bbox
    corners = np.array([x, y, x + width, y + height])
    return corners + rng.normal(0, amount, 4) * [width, height, width, height]


def detect(
    rng: Rng, annotations: list[dict], size: tuple[int, int], skill: float
) -> list[dict]:
    """What a person detector might return for an image.

    A lower ``skill``, in 0 .. 1, misses more and fits worse. Return bboxes (xyxy, pixels)
    with scores, best first.
    """
    height, width = size
    found = []
    for annotation in annotations:
        if rng.random() < 0.2 * (1 - skill):
            continue
        box = _jitter(rng, annotation['bbox'], 0.02 + 0.06 * (1 - skill))
        found.append((box, rng.uniform(0.3 + 0.5 * skill, 1.0)))
        if rng.random() < 0.35:
            box = _jitter(rng, annotation['bbox'], 0.15)
            found.append((box, rng.uniform(0.03, 0.45)))
    if rng.random() < 0.3:
        # a false positive
        corner, extent = rng.uniform(0, 0.7, 2), rng.uniform(0.15, 0.5, 2)
        box = np.concatenate([corner, corner + extent]) * np.tile([width, height], 2)
        found.append((box, rng.uniform(0.02, 0.3)))
    records = []
    for box, score in sorted(found, key=lambda item: -item[1]):
        box = np.clip(box, 0, [width, height, width, height])
        if box[2] - box[0] > 2 and box[3] - box[1] > 2:
            records.append(
                {
                    'bbox': [float(v) for v in box],
                    'category_id': 1,
                    'image_id': annotations[0]['image_id'],
                    'score': float(score),
                }
            )
    return records


def corners_to_sizes(detections: list[dict]) -> list[dict]:
    """Turn bboxes from xyxy into COCO's xywh."""
    return [
        {**d, 'bbox': [*d['bbox'][:2], d['bbox'][2] - d['bbox'][0],
                       d['bbox'][3] - d['bbox'][1]]}
        for d in detections
    ]  # fmt: skip
