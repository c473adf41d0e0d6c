"""Make up a Human-Art of any size: annotations with all fields, and a few images."""

import json
from pathlib import Path

import cv2
import numpy as np

from vlpose_mm.datasets.scenarios import SCENARIOS

CATEGORIES = (*SCENARIOS, None)
# Height and width of images, as those that Human-Art shows as examples have.
SIZES = ((1750, 1280), (600, 700), (612, 589))


def make_annotations(rng: np.random.Generator, num_images: int) -> dict:
    """Make up images with one to four people, as many of each scenario.

    Args:
        rng (np.random.Generator): Random numbers.
        num_images (int): Number of images. Those of the same scenario and size share
            a file.

    Returns:
        dict: Content of an annotation file.
    """
    images, people = [], []
    for i in range(num_images):
        number = i % len(CATEGORIES)
        size = i // len(CATEGORIES) % len(SIZES)
        images.append(_image(number * 10**12 + i, CATEGORIES[number], size))
        for _ in range(rng.integers(1, 5)):
            people.append(_person(rng, len(people) + 1, images[-1]))
    categories = [dict(supercategory='person', id=1, name='person')]
    return dict(info={}, images=images, annotations=people, categories=categories)


def write_set(root: Path, num_images: int) -> tuple[Path, dict]:
    """Write a synthetic set.

    Args:
        root (Path): Its ``data_root``.
        num_images (int): Number of images.

    Returns:
        tuple[Path, dict]: The annotation file and its content.
    """
    rng = np.random.default_rng(0)
    content = make_annotations(rng, num_images)
    ann_file = root / 'annotations.json'
    ann_file.write_text(json.dumps(content))
    for record in content['images'][: len(CATEGORIES) * len(SIZES)]:
        path = root / record['file_name']
        path.parent.mkdir(parents=True, exist_ok=True)
        size = record['width'], record['height']
        # Blots and some grain: about as many bytes as a painting has.
        blots = rng.integers(0, 256, (size[1] // 16, size[0] // 16, 3), np.uint8)
        image = cv2.resize(blots, size, interpolation=cv2.INTER_CUBIC)
        grain = rng.integers(0, 16, image.shape, np.uint8)
        cv2.imwrite(str(path), cv2.add(image, grain), [cv2.IMWRITE_JPEG_QUALITY, 90])
    return ann_file, content


def _image(img_id: int, category: str | None, size: int) -> dict:
    """Make up an image record; photos are COCO's."""
    folder = (
        f'HumanArt/images/{SCENARIOS[category].group}/{category}' if category else 'coco'
    )
    height, width = SIZES[size]
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


def _person(rng: np.random.Generator, ann_id: int, image: dict) -> dict:
    """Make up the annotation of a person."""
    w, h = image['width'], image['height']
    box = rng.uniform((0, 0, 0.1 * w, 0.2 * h), (0.6 * w, 0.5 * h, 0.4 * w, 0.5 * h))
    x, y, width, height = box.round(4).tolist()
    points = rng.uniform((x, y, 0), (x + width, y + height, 3), (21, 3)).round(4)
    points[:, 2] = points[:, 2].astype(int)
    counts = [int((points[:size, 2] > 0).sum()) for size in (17, 21)]
    return dict(
        keypoints=points[:17].flatten().tolist(),
        keypoints_21=points.flatten().tolist(),
        self_contact=[],
        num_keypoints=counts[0],
        num_keypoints_21=counts[1],
        iscrowd=0,
        image_id=image['id'],
        area=width * height,
        bbox=[x, y, width, height],
        category_id=1,
        id=ann_id,
        annotator=0,
    )
