"""Paint photos and write the annotation files that VLPose is tuned and tested with.

The photos' own files for training are those of ``projects.real_small.label``.
"""

import argparse
import json
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from projects.real_small.paint import choose_all, choose_photos, paint_photos, painting_name
from projects.real_small.splits import is_test, is_train, scenario_of

ROOT = Path('data/real')
OUT = Path('data/real_small')
PAINTED = 'lspet_painted'
ART = ('coco_painted', 'pose_depot', 'spine_cartoon')
PHOTOS = ('lspet', 'coco_subset')
#: Every so many images of a set are enough for the test and for the classifier. Styles and
#: sizes take turns, so those of paintings have no common divisor with their number.
TEST_EVERY = dict(lspet=4, coco_subset=2, coco_painted=2)
CLASSIFIER_EVERY = dict(lspet=18, lspet_painted=7, coco_painted=11)


def read(path: Path) -> dict:
    """Read an annotation file in COCO's format.

    Raises:
        FileNotFoundError: If there is none.
    """
    if not path.exists():
        raise FileNotFoundError(
            f'{path} does not exist; projects/real_small/README.md says where the real '
            'sets belong, and which command comes before this one.'
        )
    return json.loads(path.read_text())


def pick(data: dict, images: Iterable[dict], every: int = 1) -> dict:
    """Keep every so many of some images, and their instances."""
    images = [dict(image) for image in images][::every]
    ids = {image['id'] for image in images}
    instances = [each for each in data['annotations'] if each['image_id'] in ids]
    return dict(images=images, annotations=instances, categories=data['categories'])


def relabel(data: dict, set_name: str, folder: str) -> dict:
    """Give image records what :class:`HumanArtVLDataset` reads, in place.

    ``category`` becomes the scenario, and photos have none; ``file_name`` begins with
    ``folder``.
    """
    for image in data['images']:
        image['set'] = set_name
        image['file_name'] = f'{folder}/{image["file_name"]}'
        scenario = scenario_of(image)
        if scenario is None:
            image.pop('category', None)
        else:
            image['category'] = scenario
    return data


def paint_annotations(photos: dict, chosen: list[tuple[dict, str, float]]) -> dict:
    """Make the annotations of paintings from those of their photos.

    Args:
        photos (dict): Annotations of the photos.
        chosen (list[tuple[dict, str, float]]): As of :func:`choose_photos`.
    """
    of_photo: dict[int, list[dict]] = {}
    for instance in photos['annotations']:
        of_photo.setdefault(instance['image_id'], []).append(instance)
    images, instances = [], []
    for image_id, (image, style, scale) in enumerate(chosen, 1):
        size = {key: round(image[key] * scale) for key in ('width', 'height')}
        images.append(
            {
                **image,
                **{key: side // 4 * 4 for key, side in size.items()},
                'id': image_id,
                'file_name': f'paintings/{painting_name(image, style, scale)}',
                'category': f'2D_virtual_human/neural_painting_{style}',
                'style': style,
            }
        )
        scales = [size[key] / image[key] for key in ('width', 'height')]
        for instance in of_photo.get(image['id'], ()):
            keypoints = np.reshape(instance['keypoints'], (-1, 3)) * [*scales, 1]
            instances.append(
                {
                    **instance,
                    'id': len(instances) + 1,
                    'image_id': image_id,
                    'bbox': (instance['bbox'] * np.tile(scales, 2)).tolist(),
                    'area': instance['area'] * scales[0] * scales[1],
                    'keypoints': keypoints.ravel().tolist(),
                }
            )
    return dict(images=images, annotations=instances, categories=photos['categories'])


def merge(parts: Iterable[dict]) -> dict:
    """Merge annotations, with new ids."""
    images, instances, categories = [], [], []
    for part in parts:
        ids = {image['id']: len(images) + i for i, image in enumerate(part['images'], 1)}
        images += [{**image, 'id': ids[image['id']]} for image in part['images']]
        instances += [
            {**each, 'image_id': ids[each['image_id']], 'id': len(instances) + i}
            for i, each in enumerate(part['annotations'], 1)
        ]
        categories = part['categories']
    return dict(images=images, annotations=instances, categories=categories)


def with_keypoints(data: dict) -> dict:
    """Keep the instances with keypoints, and their images."""
    instances = [
        each
        for each in data['annotations']
        if each['num_keypoints'] and not each['iscrowd']
    ]
    ids = {each['image_id'] for each in instances}
    return {
        **data,
        'images': [image for image in data['images'] if image['id'] in ids],
        'annotations': instances,
    }


def as_wholes(data: dict) -> dict:
    """Put one bbox around each whole image, as where there is no detector."""
    images = {image['id']: image for image in data['images']}
    instances = {}
    for instance in data['annotations']:
        image = images[instance['image_id']]
        bbox = [0, 0, image['width'], image['height']]
        instances.setdefault(image['id'], {**instance, 'bbox': bbox, 'iscrowd': 0})
    return {**data, 'annotations': [*instances.values()]}


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add('--root', type=Path, default=ROOT, help='folder of the real sets')
    add('--out', type=Path, default=OUT, help='folder to write to')
    add('--paint', type=int, default=2400, metavar='N', help='photos to paint for training')
    add('--paint-test', type=int, default=120, metavar='N', help='and for testing')
    options = parser.parse_args()
    root, out = options.root, options.out
    # From the folder of the output's folder, as the configs have it.
    folder = os.path.relpath(root, out.parent)
    annotations = out / 'annotations'
    annotations.mkdir(parents=True, exist_ok=True)

    def write(name: str, data: dict) -> None:
        path = annotations / f'{name}.json'
        path.write_text(json.dumps(data))
        print(f'{path}: {len(data["images"])} images, {len(data["annotations"])} people')

    lspet = read(root / 'lspet/annotations.json')
    labeled = dict(
        lspet=read(annotations / 'lspet_train.json'),
        coco_subset=read(annotations / 'coco_train.json'),
    )
    chosen = choose_photos(lspet['images'], options.paint, options.paint_test)
    coco = choose_all(labeled['coco_subset']['images'])
    paint_photos(root, out / 'paintings', [*chosen, *coco])
    train = [each for each in chosen if is_train('lspet', each[0])]
    test = [each for each in chosen if is_test('lspet', each[0])]
    painted = {
        PAINTED: paint_annotations(labeled['lspet'], train),
        'coco_painted': paint_annotations(labeled['coco_subset'], coco),
    }
    trains = dict(painted)
    tests = {PAINTED: paint_annotations(lspet, test)}
    for name in (*ART, *PHOTOS):
        data = read(root / name / 'annotations.json')
        images = [image for image in data['images'] if is_test(name, image)]
        tests[name] = pick(data, images, TEST_EVERY.get(name, 1))
        if name not in trains:
            images = [image for image in data['images'] if is_train(name, image)]
            trains[name] = labeled.get(name) or pick(data, images)
    # Of the base's training.
    write('coco_val', tests['coco_subset'])
    for name in trains:
        prefix = out.name if name == PAINTED else folder
        tests[name] = relabel(tests[name], name, prefix)
        prefix = out.name if name in painted else folder
        trains[name] = with_keypoints(relabel(trains[name], name, prefix))
        if name not in PHOTOS:
            write(f'{name}_train', trains[name])
    some = [
        pick(data, data['images'], CLASSIFIER_EVERY.get(name, 1))
        for name, data in trains.items()
    ]
    write('classifier_train', merge([*some, *map(as_wholes, some)]))
    test = merge(tests.values())
    write('test', test)
    write('whole_test', as_wholes(test))


if __name__ == '__main__':
    main()
