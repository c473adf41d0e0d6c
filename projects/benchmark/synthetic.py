"""A synthetic Human-Art of any size: annotations with all fields, and a few images."""

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from vlpose_mm.datasets.scenarios import SCENARIOS

CATEGORIES = (*SCENARIOS, None)
# Height and width of images, as those that Human-Art shows as examples have.
SIZES = ((1750, 1280), (600, 700), (612, 589))


def make_annotations(num_images: int, sizes: Sequence[tuple[int, int]] = SIZES) -> dict:
    """Make images with one to four instances, as many of each scenario.

    Images of one scenario and size (height and width in pixels) share a file.
    """
    rng = np.random.default_rng(0)
    images, instances = [], []
    for i in range(num_images):
        size = i // len(CATEGORIES) % len(sizes)
        category = CATEGORIES[i % len(CATEGORIES)]
        img_id = i % len(CATEGORIES) * 10**12 + i
        images.append(_image(img_id, category, size, *sizes[size]))
        for _ in range(rng.integers(1, 5)):
            instances.append(_instance(rng, len(instances) + 1, images[-1]))
    categories = [dict(supercategory='person', id=1, name='person')]
    return dict(info={}, images=images, annotations=instances, categories=categories)


def write_dataset(
    root: Path, num_images: int, sizes: Sequence[tuple[int, int]] = SIZES
) -> tuple[Path, dict]:
    """Write annotations and images; return the annotation file and its content."""
    content = make_annotations(num_images, sizes)
    ann_file = root / 'annotations.json'
    ann_file.write_text(json.dumps(content))
    rng = np.random.default_rng(0)
    for record in content['images'][: len(CATEGORIES) * len(sizes)]:
        path = root / record['file_name']
        path.parent.mkdir(parents=True, exist_ok=True)
        w, h = record['width'], record['height']
        # Blots and some grain: about as many bytes as a painting has.
        blots = rng.integers(0, 256, (h // 16, w // 16, 3), np.uint8)
        image = cv2.resize(blots, (w, h), interpolation=cv2.INTER_CUBIC)
        grain = rng.integers(0, 16, image.shape, np.uint8)
        cv2.imwrite(str(path), cv2.add(image, grain), [cv2.IMWRITE_JPEG_QUALITY, 90])
    return ann_file, content


def make_results(annotations: dict) -> list[dict]:
    """Make results: each instance more or less exactly, and once more elsewhere.

    They are in COCO's format, with a ``bbox`` (xywh).
    """
    rng = np.random.default_rng(0)
    results = []
    for instance in annotations['annotations']:
        keypoints = np.reshape(instance['keypoints'], (17, 3))
        for spread in (0.05 * rng.uniform() * np.sqrt(instance['area']), 50):
            noise = rng.normal(0, spread, (17, 3))
            result = dict(image_id=instance['image_id'], category_id=1)
            result.update(bbox=instance['bbox'], score=float(rng.uniform()))
            results.append(dict(result, keypoints=(keypoints + noise).flatten().tolist()))
    return results


def _image(img_id: int, category: str | None, size: int, height: int, width: int) -> dict:
    """Make an image record; photos are COCO's."""
    folder = (
        f'HumanArt/images/{SCENARIOS[category].group}/{category}' if category else 'coco'
    )
    image = dict(file_name=f'{folder}/{size}.jpg', height=height, width=width, id=img_id)
    if category is None:
        return image
    return image | dict(
        page_url='https://example.org/art/' + 'autumn-mood' * 2,
        image_url='https://example.org/' + 'f' * 600,
        picture_name='Autumn Mood',
        author='Somebody',
        description=f'{category}, a girl in a white dress standing under a tree in autumn',
        category=category.replace('_', ' '),
    )


def _instance(rng: np.random.Generator, ann_id: int, image: dict) -> dict:
    """Make an annotation with a bbox (xywh), 17 and 21 keypoints."""
    w, h = image['width'], image['height']
    bbox = rng.uniform((0, 0, 0.1 * w, 0.2 * h), (0.6 * w, 0.5 * h, 0.4 * w, 0.5 * h))
    x, y, width, height = bbox.round(4).tolist()
    points = rng.uniform((x, y, 0), (x + width, y + height, 3), (21, 3)).round(4)
    points[:, 2] = points[:, 2].astype(int)
    return dict(
        keypoints=points[:17].flatten().tolist(),
        keypoints_21=points.flatten().tolist(),
        self_contact=[],
        num_keypoints=int((points[:17, 2] > 0).sum()),
        num_keypoints_21=int((points[:, 2] > 0).sum()),
        iscrowd=0,
        image_id=image['id'],
        area=width * height,
        bbox=[x, y, width, height],
        category_id=1,
        id=ann_id,
        annotator=0,
    )
