"""Write the annotation files that the person detector is trained and tested with.

They have the bboxes of people. Where photos have people without annotation, CenterNet finds
them.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from rich.progress import track

from projects.real_images.movenet.centernet import detect_people
from projects.real_small.paint import choose_photos
from projects.real_small.prepare import (
    ART,
    OUT,
    PHOTOS,
    ROOT,
    merge,
    paint_annotations,
    pick,
    read,
)
from projects.real_small.splits import is_test, is_train

# Scores of CenterNet, in [0, 1], from which a bbox is taken.
SURE = 0.35
# Share of a bbox that lies in an annotated one, from which it is of the same person.
SAME = 0.5
# So many times is an image there: those of COCO have several people, the others are few.
TIMES = dict(coco_subset=16, coco_painted=16, pose_depot=4, spine_cartoon=4)
KEYS = ('image_id', 'category_id', 'bbox', 'area', 'iscrowd')


def add_found(data: dict, found: dict[str, list]) -> None:
    """Add the people that CenterNet finds beside the annotated ones, in place.

    Args:
        data (dict): Annotations in COCO's format.
        found (dict[str, list]): Rows of x1, y1, x2, y2 and score by ``file_name``.
    """
    annotated = {image['id']: [] for image in data['images']}
    for instance in data['annotations']:
        annotated[instance['image_id']].append(instance['bbox'])
    for image in data['images']:
        bboxes = np.reshape(annotated[image['id']], (-1, 4))  # N, xywh
        rows = np.reshape(found.get(image['file_name'], []), (-1, 5))
        for x1, y1, x2, y2, score in rows[np.argsort(-rows[:, 4])]:
            bbox = np.array([x1, y1, x2 - x1, y2 - y1])
            if score < SURE or bbox[2:].min() < 1 or overlap(bbox, bboxes) > SAME:
                continue
            bboxes = np.vstack([bboxes, bbox])
            data['annotations'].append(
                dict(
                    id=len(data['annotations']) + 1,
                    image_id=image['id'],
                    category_id=1,
                    bbox=bbox.round(2).tolist(),
                    area=float(bbox[2] * bbox[3]),
                    iscrowd=0,
                    keypoints=[0] * 51,
                )
            )


def overlap(bbox: np.ndarray, bboxes: np.ndarray) -> float:
    """Return the largest share of a bbox that lies in one of others, N x 4, all in xywh."""
    ends = np.minimum(bbox[:2] + bbox[2:], bboxes[:, :2] + bboxes[:, 2:])
    sides = (ends - np.maximum(bbox[:2], bboxes[:, :2])).clip(0)  # N, 2
    return float((sides.prod(axis=1) / bbox[2:].prod()).max(initial=0.0))


def find_people(root: Path, images: list[dict], file: Path) -> dict[str, list]:
    """Return what CenterNet finds, by ``file_name``; what it found before is read."""
    found = json.loads(file.read_text()) if file.exists() else {}
    names = [each['file_name'] for each in images if each['file_name'] not in found]
    people = detect_people(root / name for name in names) if names else ()
    rows = track(people, 'CenterNet', len(names))
    found |= {name: each.tolist() for name, each in zip(names, rows, strict=True)}
    file.write_text(json.dumps(found))
    return found


def only_bboxes(data: dict, folder: str) -> dict:
    """Keep what a detector is trained with; ``file_name`` begins with ``folder``."""
    for image in data['images']:
        image['file_name'] = f'{folder}/{image["file_name"]}'
    instances = [{key: each[key] for key in KEYS} for each in data['annotations']]
    categories = [dict(id=1, name='person')]
    return dict(images=data['images'], annotations=instances, categories=categories)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add('--root', type=Path, default=ROOT, help='folder of the real sets')
    add('--out', type=Path, default=OUT, help="folder with prepare's paintings")
    add('--photos', type=int, default=4000, metavar='N', help='photos of LSPET')
    add('--paintings', type=int, default=2400, metavar='N', help='of them, paintings')
    options = parser.parse_args()
    root, out = options.root, options.out

    sets = {name: read(root / name / 'annotations.json') for name in (*PHOTOS, *ART)}
    chosen = choose_photos(sets['lspet']['images'], options.photos, 0)
    painted = chosen[: options.paintings]
    trains = {
        name: pick(data, [image for image in data['images'] if is_train(name, image)])
        for name, data in sets.items()
    }
    trains['lspet'] = pick(sets['lspet'], [image for image, _, _ in chosen])
    photos = [image for name in PHOTOS for image in trains[name]['images']]
    found = find_people(root, photos, out / 'centernet.json')
    for name in PHOTOS:
        add_found(trains[name], found)
    paintings = only_bboxes(paint_annotations(trains['lspet'], painted), out.name)
    train = []
    for name, data in trains.items():
        train += [only_bboxes(data, root.name)] * TIMES.get(name, 1)
    # Only where all people have a bbox.
    tests = []
    for name in ('coco_subset', *ART):
        data = sets[name]
        partial = {e['image_id'] for e in data['annotations'] if 'area_is_estimate' in e}
        images = [image for image in data['images'] if is_test(name, image)]
        images = [image for image in images if image['id'] not in partial]
        tests.append(only_bboxes(pick(data, images), root.name))
    for name, parts in (('people_train', [*train, paintings]), ('people_test', tests)):
        path, data = out / f'annotations/{name}.json', merge(parts)
        path.write_text(json.dumps(data))
        print(f'{path}: {len(data["images"])} images, {len(data["annotations"])} people')


if __name__ == '__main__':
    main()
