"""Convert what Label Studio exports as JSON, JSON-MIN or COCO."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote

import numpy as np

from vlpose_mm.datasets.annotations import read_json
from vlpose_mm.datasets.base import BaseVLDataset
from vlpose_mm.local_files import KINDS
from vlpose_mm.tools.dataset_converters.keypoint_files import (
    KEYPOINTS,
    KeypointFiles,
    add_rename_option,
    image_size,
    keypoint_order,
    make_parser,
    reordered,
)
from vlpose_mm.tools.errors import command

# In front of the names of uploaded files.
UPLOAD = re.compile(r'^[0-9a-f]{8}-')


@command
def main(args: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = make_parser(
        'Convert a project that Label Studio has exported as JSON, JSON-MIN or COCO.',
        'folder with the JSON file of the export, and the images',
    )
    add_rename_option(parser)
    options = parser.parse_args(args)
    files = KeypointFiles(options)
    path, *others = files.inputs('*.json', 'put that of the export there.')
    if others:
        raise ValueError(
            f'{files.root} has several JSON files, {path.name} and {others[0].name}; keep '
            'that of the export alone there.'
        )
    content = read_json(path)
    try:
        if isinstance(content, list):
            add_tasks(files, content, path, options.rename)
        else:
            add_coco(files, content, path, options.rename)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(
            f'{path} is not an export of Label Studio ({error!r}); export the project as '
            'JSON.'
        ) from error
    files.write()


def add_tasks(
    files: KeypointFiles, tasks: Sequence[Mapping], path: Path, renamed: Sequence[str]
) -> None:
    """Add the tasks of a JSON or JSON-MIN export.

    Raises:
        OSError: If an image is missing.
        ValueError: If it is unknown whose a keypoint is.
    """
    regions = [regions_of(task) for task in tasks]
    labels = [
        *dict.fromkeys(name for each in regions for r in each for name in labels_of(r))
    ]
    if not labels:
        raise ValueError(f'{path} has no keypoints; label some, with KeyPointLabels.')
    order = keypoint_order(labels, path, renamed)
    for task, own in zip(tasks, regions, strict=True):
        data = task.get('data', task)
        image = find_image(files, [task.get('file_upload'), *data.values()])
        if image is None:
            raise FileNotFoundError(
                f'{files.root} has no image of task {task.get("id")}, {data}, or more than '
                'one; put the images that were annotated below it, with their names.'
            )
        people = []
        for points, bbox in people_of(own, image_size(image), f'{path}: {image.name}'):
            rows = np.array([points.get(name, (0, 0, 0)) for name in labels], float)
            people.append(dict(keypoints=reordered(rows, order), bbox=bbox))
        fields = {key: data[key] for key in BaseVLDataset.IMAGE_KEYS if data.get(key)}
        files.add(image, people, **fields)


def regions_of(task: Mapping) -> list[dict]:
    """Return the regions of a task's last annotation; ``parent`` is that of a keypoint."""
    if 'data' not in task:  # JSON-MIN
        lists = [value for value in task.values() if isinstance(value, list)]
        return [r for each in lists for r in each if isinstance(r, dict) and 'x' in r]
    annotations = task.get('annotations', task.get('completions')) or []
    annotations = [
        each
        for each in annotations
        if not (each.get('was_cancelled') or each.get('skipped'))
    ]
    if not annotations:
        return []
    last = max(annotations, key=lambda each: str(each.get('created_at')))
    results = last.get('result') or []
    linked = {}
    for result in results:
        if result.get('type') == 'relation':
            one, other = result['from_id'], result['to_id']
            linked |= {one: other, other: one}
    regions: dict[object, dict] = {}
    for number, result in enumerate(results):
        if 'x' in result.get('value', ()):
            # What is said about a region repeats its place, under its id.
            region = regions.setdefault(result.get('id') or number, {'parent': None})
            parent = result.get('parentID') or linked.get(result.get('id'))
            region |= {
                **result['value'],
                'rotated': result.get('image_rotation'),
                'id': result.get('id'),
                'parent': parent or region['parent'],
            }
    return [*regions.values()]


def labels_of(region: Mapping) -> list[str]:
    """Return the labels of a keypoint; none of another region."""
    if is_rectangle(region):
        return []
    return region.get('keypointlabels') or region.get('labels') or []


def is_rectangle(region: Mapping) -> bool:
    """Whether a region is a rectangle; a keypoint has a width only."""
    return 'width' in region and 'height' in region


def people_of(
    regions: Sequence[Mapping], size: tuple[int, int], name: str
) -> list[tuple[dict[str, tuple], np.ndarray | None]]:
    """Find the people on an image.

    A keypoint is of the rectangle that it is in or linked to in Label Studio, or else of
    the smallest one around it. Without rectangles there is one person.

    Returns:
        list[tuple[dict, np.ndarray | None]]: Keypoints by label, and the bbox.

    Raises:
        ValueError: If it is unknown whose a keypoint is.
    """
    if any(region.get('rotated') for region in regions):
        raise ValueError(
            f'{name} was annotated turned; turn the image itself, and annotate that.'
        )
    rectangles = [region for region in regions if is_rectangle(region)]
    bboxes = [bbox_of(region, size) for region in rectangles]
    ids = [region.get('id') for region in rectangles]
    people = [({}, bbox) for bbox in bboxes or [None]]
    for region in regions:
        for label in labels_of(region):
            x, y = region['x'] / 100 * size[0], region['y'] / 100 * size[1]
            around = [
                (w * h, index)
                for index, (left, top, w, h) in enumerate(bboxes)
                if left <= x <= left + w and top <= y <= top + h
            ]
            parent = region.get('parent')
            if not bboxes:
                owner = 0
            elif parent is not None and parent in ids:
                owner = ids.index(parent)
            elif around:
                owner = min(around)[1]
            else:
                raise ValueError(
                    f'{name}: its {label} is in no rectangle; draw one around each person, '
                    'with all keypoints in it.'
                )
            if label in people[owner][0]:
                raise ValueError(
                    f'{name}: a person has two {label}; draw a rectangle around each '
                    'person, and where they overlap, link the keypoints to theirs.'
                )
            people[owner][0][label] = x, y, 2
    return people


def bbox_of(region: Mapping, size: tuple[int, int]) -> np.ndarray:
    """Return the bbox of a rectangle, which is turned around its first corner."""
    first = np.multiply([region['x'], region['y']], size) / 100
    sides = np.multiply([region['width'], region['height']], size) / 100
    angle = np.deg2rad(region.get('rotation') or 0)
    cos, sin = np.cos(angle), np.sin(angle)
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) * sides  # 4, 2
    corners = first + corners @ np.array([[cos, sin], [-sin, cos]])
    start, end = corners.min(axis=0), corners.max(axis=0)
    start, end = np.maximum(start, 0), np.minimum(end, size)
    return np.concatenate([start, end - start])


def find_image(files: KeypointFiles, addresses: Sequence[object]) -> Path | None:
    """Find the image of a task by its file or address."""
    for address in addresses:
        if not isinstance(address, str):
            continue
        # Of local storage, /data/local-files/?d=FILE; else a signature follows.
        before, _, query = unquote(address).partition('?')
        name = query[2:] if query.startswith('d=') else before
        if KINDS.get(Path(name).suffix.lower()) != 'image':
            continue
        folder, _, last = name.rpartition('/')
        found = files.find(name) or files.find(f'{folder}/{UPLOAD.sub("", last)}')
        if found is not None:
            return found
    return None


def add_coco(
    files: KeypointFiles, content: Mapping, path: Path, renamed: Sequence[str]
) -> None:
    """Add a COCO export, which has all keypoints of an image as one person.

    Raises:
        OSError: If an image is missing.
        ValueError: If it has no keypoints, or several people on an image.
    """
    remedy = 'export it as JSON.'
    named = [c for c in content['categories'] if c.get('keypoints')]
    if len(named) != 1:
        raise ValueError(f'{path} has no category with keypoints; {remedy}')
    names = named[0]['keypoints']
    order = keypoint_order(names, path, renamed)
    for image in content['images']:
        own = [a for a in content['annotations'] if a['image_id'] == image['id']]
        labeled = [a for a in own if a.get('keypoints')]
        bboxes = [a['bbox'] for a in own if not a.get('keypoints')]
        if len(labeled) > 1 or (labeled and len(bboxes) > 1):
            raise ValueError(
                f'{path} does not say whose the keypoints on {image["file_name"]} are, '
                f'which has several rectangles; {remedy}'
            )
        people = [dict(keypoints=np.zeros((len(KEYPOINTS), 3)), bbox=b) for b in bboxes]
        if labeled:
            points = np.reshape(labeled[0]['keypoints'], (-1, 3))
            if len(points) != len(names):
                raise ValueError(
                    f'{path}: {len(names)} keypoints have names, but people {len(points)}; '
                    f'{remedy}'
                )
            keypoints = reordered(points, order)
            people = [dict(keypoints=keypoints, bbox=bboxes[0] if bboxes else None)]
        place = find_image(files, [image['file_name'].replace('\\', '/')])
        size = (image.get('width') or 0, image.get('height') or 0)
        files.add(place or image['file_name'], people, size=size)


if __name__ == '__main__':
    main()
