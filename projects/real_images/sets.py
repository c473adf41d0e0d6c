"""The held-out images of the real sets, and the subsets that they are scored by."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from projects.real_small.splits import SETS, is_test, scenario_of, theme_of
from vlpose_mm.checkpoint.io import replace_file
from vlpose_mm.evaluation.functional.coco_files import read_json

# Ids of images and instances are unique over all sets, as the domain-gap report needs.
IDS_PER_SET = 10**7
# Apart from its scenario, what a record of an image may name.
KEYS = ('style', 'character')
# Of photos that have a painting among the images.
PAINTED = 'painted'


class RealSet(NamedTuple):
    """The held-out images of a set."""

    name: str
    images_root: Path  # ``file_name`` of images is relative to it.
    ann_file: Path  # COCO's format; photos have no ``category``.
    images: list[dict]
    instances: dict[int, list[dict]]  # Image id -> instances with keypoints.

    def subsets(self) -> dict[str, list[int]]:
        """Return image ids by what they are scored by: all, scenarios, styles, ..."""
        labels = sorted({label for image in self.images for label in labels_of(image)})
        subsets = {'all': [image['id'] for image in self.images]}
        for label in labels:
            subsets[label] = [i['id'] for i in self.images if label in labels_of(i)]
        # A style may be a scenario, and a set may have only one.
        distinct = {tuple(ids): name for name, ids in reversed(subsets.items())}
        return {name: ids for name, ids in subsets.items() if name in distinct.values()}


def labels_of(image: Mapping) -> list[str]:
    """Name the subsets of an image in one of our files."""
    labels = []
    if image.get('category'):
        labels.append(f'scenario {image["category"]}')
    labels += [f'{key} {image[key]}' for key in KEYS if image.get(key)]
    if image.get('pose'):
        labels.append(f'theme {theme_of(image)}')
    if image.get(PAINTED):
        labels.append(PAINTED)
    return labels


def read_sets(
    root: Path, out: Path, names: list[str] | None = None, limit: int | None = None
) -> list[RealSet]:
    """Read the sets of a folder, and write an annotation file of the held-out images.

    Args:
        root (Path): Folder of the sets, ``SET/annotations.json``.
        out (Path): Folder to write ``annotations/SET.json`` to.
        names (list[str], optional): Some sets; by default all that are there.
        limit (int, optional): Images of each set, evenly spread.

    Raises:
        FileNotFoundError: If a set is missing, or there are none.
        ValueError: If a file is broken.
    """
    found = [name for name in SETS if (root / name / 'annotations.json').is_file()]
    missing = [name for name in names or () if name not in found]
    if missing or not found:
        raise FileNotFoundError(
            f'{root} has no {", ".join(missing) or "set"}; it must have '
            f'SET/annotations.json for SET among {", ".join(SETS)}.'
        )
    contents = {name: _read_held_out(root, name, limit) for name in names or found}
    images = [image for content in contents.values() for image in content['images']]
    sources = {image['source'] for image in images if 'source' in image}
    for image in images:
        if image['file_name'].partition('/')[2] in sources:
            image[PAINTED] = True
    return [_write_set(root, out, *each) for each in contents.items()]


def _read_held_out(root: Path, name: str, limit: int | None) -> dict:
    """Read the annotations of a set, with some of the held-out images alone."""
    content = read_json(root / name / 'annotations.json')
    chosen = [image for image in content['images'] if is_test(name, image)]
    if limit is not None:
        chosen = chosen[:: max(1, -(-len(chosen) // limit))]
    return {**content, 'images': chosen}


def _write_set(root: Path, out: Path, name: str, content: dict) -> RealSet:
    """Write the annotations of some images of a set."""
    start = IDS_PER_SET * (SETS.index(name) + 1)
    images = []
    for image in content['images']:
        record = dict(image, id=start + image['id'], category=scenario_of(image))
        images.append({k: v for k, v in record.items() if v is not None})
    ids = {image['id'] for image in images}
    annotations = [
        dict(each, id=start + each['id'], image_id=start + each['image_id'])
        for each in content['annotations']
        if start + each['image_id'] in ids
    ]
    content = dict(images=images, annotations=annotations, categories=content['categories'])
    ann_file = out / 'annotations' / f'{name}.json'
    ann_file.parent.mkdir(parents=True, exist_ok=True)
    with replace_file(str(ann_file)) as file:
        file.write(json.dumps(content).encode())
    instances = {image_id: [] for image_id in ids}
    for each in annotations:
        # As MMPose's datasets: crowds and people without keypoints are no inputs.
        if each['num_keypoints'] and not each.get('iscrowd'):
            instances[each['image_id']].append(each)
    return RealSet(name, root, ann_file, images, instances)
