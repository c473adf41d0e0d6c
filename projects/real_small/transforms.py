"""Transforms that make a photo of one whole person look like one of COCO's."""

from collections import deque

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS

# Left and right shoulder, left and right hip.
TORSO = [5, 6, 11, 12]
SKELETON = ('keypoints', 'keypoints_visible', 'skeleton_links')


@TRANSFORMS.register_module()
class RandomSurroundings(BaseTransform):
    """Put the image, made smaller, somewhere in another image that was seen before.

    Args:
        prob (float): How often, in [0, 1].
        max_scale (float): Largest side of the whole over that of the image, above 1.
        num_kept (int): How many of the images seen last are kept.
    """

    def __init__(self, prob: float, max_scale: float = 2.0, num_kept: int = 32) -> None:
        self.prob = prob
        self.max_scale = max_scale
        self.seen = deque(maxlen=num_kept)

    def transform(self, results: dict) -> dict:
        """Move image, bboxes and keypoints."""
        image = results['img']
        surroundings = self.seen[np.random.randint(len(self.seen))] if self.seen else None
        self.seen.append(image)
        if surroundings is None or np.random.rand() >= self.prob:
            return results
        h, w = image.shape[:2]
        scale = np.random.uniform(1, self.max_scale, 2)
        size = int(w * scale[0]), int(h * scale[1])
        whole = cv2.resize(surroundings, size)
        x, y = (
            np.random.randint(full - part + 1)
            for full, part in zip(size, (w, h), strict=True)
        )
        whole[y : y + h, x : x + w] = image
        results['img'] = whole
        results['img_shape'] = results['ori_shape'] = whole.shape[:2]
        results['bbox'] = results['bbox'] + np.array([x, y, x, y], np.float32)
        results['keypoints'] = results['keypoints'] + np.array([x, y], np.float32)
        return results


@TRANSFORMS.register_module()
class RandomNeighbor(BaseTransform):
    """Put a person that was seen before beside the person, in front or behind.

    The skeletons, thickened, say which pixels are of a person.

    Args:
        prob (float): How often, in [0, 1].
        scale_factor (tuple[float, float]): Range of the sizes of the other person over that
            of the person.
        num_kept (int): How many of the persons seen last are kept.
    """

    def __init__(
        self,
        prob: float,
        scale_factor: tuple[float, float] = (0.7, 1.2),
        num_kept: int = 32,
    ) -> None:
        self.prob = prob
        self.scale_factor = scale_factor
        self.seen = deque(maxlen=num_kept)

    def transform(self, results: dict) -> dict:
        """Paint over the image; bbox and keypoints stay."""
        other = self.seen[np.random.randint(len(self.seen))] if self.seen else None
        image, size, center = results['img'], *_size_and_center(results['bbox'][0])
        # The torso says how thick limbs are.
        if results['keypoints_visible'][0, TORSO].all():
            self.seen.append({key: results[key] for key in ('img', 'bbox', *SKELETON)})
        if other is None or np.random.rand() >= self.prob:
            return results
        other_size, other_center = _size_and_center(other['bbox'][0])
        scale = np.random.uniform(*self.scale_factor) * size.max() / other_size.max()
        offset = size * np.random.uniform((0.3, -0.2), (0.9, 0.2))
        offset[0] *= np.random.choice((-1, 1))
        move = np.array([[scale, 0, 0], [0, scale, 0]])
        move[:, 2] = center + offset - scale * other_center
        h, w = image.shape[:2]
        alpha = cv2.warpAffine(_person_mask(other), move, (w, h))
        if np.random.rand() < 0.5:
            alpha *= 1 - _person_mask(results)
        pixels = cv2.warpAffine(other['img'], move, (w, h))
        alpha = alpha[..., None]  # H, W, 1
        results['img'] = (pixels * alpha + image * (1 - alpha)).astype(image.dtype)
        return results


def _size_and_center(bbox: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return width and height, and center, of a bbox in xyxy."""
    return bbox[2:] - bbox[:2], (bbox[2:] + bbox[:2]) / 2


def _person_mask(results: dict) -> np.ndarray:
    """Return how much of each pixel is of the person, in [0, 1], as H, W."""
    points, visible = results['keypoints'][0], results['keypoints_visible'][0] > 0
    torso = points[TORSO]
    length = np.linalg.norm(torso[:2].mean(0) - torso[2:].mean(0))
    thickness = max(int(0.35 * length), 2)
    mask = np.zeros(results['img'].shape[:2], np.float32)
    cv2.fillConvexPoly(mask, cv2.convexHull(torso.astype(np.int32)), 1.0)
    links = [link for link in results['skeleton_links'] if visible[list(link)].all()]
    for start, end in points[np.array(links, int).reshape(-1, 2)].astype(int).tolist():
        cv2.line(mask, start, end, 1.0, thickness)
    return cv2.GaussianBlur(mask, (0, 0), max(thickness / 8, 0.5))


@TRANSFORMS.register_module()
class RandomDownscale(BaseTransform):
    """Take details from the image, as where a person is small; its size stays.

    Args:
        prob (float): How often, in [0, 1].
        min_size (float): Smallest long side of the bbox that the details are left of, in
            pixels.
    """

    def __init__(self, prob: float, min_size: float = 40) -> None:
        self.prob = prob
        self.min_size = min_size

    def transform(self, results: dict) -> dict:
        """Resize the image, and resize it back."""
        size = _size_and_center(results['bbox'][0])[0].max()
        if np.random.rand() < self.prob and size > self.min_size:
            scale = np.random.uniform(self.min_size / size, 1)
            image = results['img']
            small = cv2.resize(
                image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA
            )
            results['img'] = cv2.resize(small, image.shape[1::-1])
        return results


# How often the left, top, right or bottom is cut: in photos mostly the legs are.
SIDES = (0.15, 0.1, 0.15, 0.6)


@TRANSFORMS.register_module()
class RandomCut(BaseTransform):
    """Cut off a part of the image, as of a person at the border of a photo.

    What remains of the bbox becomes the bbox.

    Args:
        prob (float): How often, in [0, 1].
        min_side (float): Smallest side of what remains over that of the bbox, in (0, 1).
        min_keypoints (int): An image that fewer keypoints would remain of is not cut.
    """

    def __init__(self, prob: float, min_side: float = 0.4, min_keypoints: int = 5) -> None:
        self.prob = prob
        self.min_side = min_side
        self.min_keypoints = min_keypoints

    def transform(self, results: dict) -> dict:
        """Cut image, bbox and keypoints."""
        if np.random.rand() >= self.prob:
            return results
        left, top, right, bottom = results['bbox'][0]
        side, part = np.random.choice(4, p=SIDES), np.random.uniform(self.min_side, 1)
        cut = [left, top, right, bottom]
        # What is cut off of the bbox, towards its inside.
        length = (1 - part) * (bottom - top if side % 2 else right - left)
        cut[side] = np.round(cut[side] + (length if side < 2 else -length))
        x, y = results['keypoints'][0].T
        inside = (x >= cut[0]) & (x < cut[2]) & (y >= cut[1]) & (y < cut[3])
        visible = results['keypoints_visible'][0] * inside
        if np.count_nonzero(visible) < self.min_keypoints:
            return results
        h, w = results['img'].shape[:2]
        # Whole rows or columns go; the other sides of the image stay.
        ends = [0, 0, w, h]
        ends[side] = int(np.clip(cut[side], 0, ends[2 + side % 2]))
        results['img'] = np.ascontiguousarray(
            results['img'][ends[1] : ends[3], ends[0] : ends[2]]
        )
        results['img_shape'] = results['ori_shape'] = results['img'].shape[:2]
        offset = np.array([ends[0], ends[1]], np.float32)
        results['bbox'] = np.array([cut], np.float32) - np.tile(offset, 2)
        results['keypoints'] = results['keypoints'] - offset
        results['keypoints_visible'] = visible[None]
        return results
