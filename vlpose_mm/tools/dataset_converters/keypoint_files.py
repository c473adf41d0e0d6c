"""What the converters share: options, images, and annotation files in COCO's format."""

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
from mmpose.datasets.datasets import CocoDataset
from PIL import Image, UnidentifiedImageError

from vlpose_mm.apis.coco_records import category_record
from vlpose_mm.checkpoint.io import replace_file
from vlpose_mm.datasets.annotations import Annotations
from vlpose_mm.datasets.base import BaseVLDataset
from vlpose_mm.datasets.image_names import ImageNames
from vlpose_mm.local_files import KINDS

PERSON = category_record(CocoDataset(lazy_init=True).metainfo)
KEYPOINTS = PERSON['keypoints']
SPLITS = ('train', 'val', 'test')
# Part of a bbox that a person covers, as MMPose scores people without an outline.
COVERED = 0.53
# Of the long side, which a bbox around keypoints extends beyond them.
MARGIN = 0.1
# How far the aspect ratios of an image and its annotations may differ.
ASPECT = 0.03
ORIENTATION = 0x0112  # EXIF tag; from 5 on the image lies on its side


def make_parser(description: str, src: str) -> argparse.ArgumentParser:
    """Make a parser with the options of all converters."""
    parser = argparse.ArgumentParser(description=description)
    add = parser.add_argument
    add('src', type=Path, help=src)
    add('out', type=Path, help='folder to write the annotation files to')
    add(
        '--category',
        metavar='SCENARIO',
        help='scenario of all images, such as "oil painting"; photos have none',
    )
    add('--text-prompt', metavar='TEXT', help='text prompt of all images')
    add(
        '--val-every',
        type=int,
        default=10,
        metavar='N',
        help='every Nth image is for validation, where the data set does not say which; 0 '
        'for none (default: %(default)s)',
    )
    return parser


def add_rename_option(parser: argparse.ArgumentParser) -> None:
    """Add an option for keypoints that people have named themselves."""
    parser.add_argument(
        '--rename',
        nargs='+',
        default=[],
        metavar='NAME=KEYPOINT',
        help='what keypoints with other names are in COCO, such as hand_l=left_wrist',
    )


class KeypointFiles:
    """Annotation files of people in COCO's keypoint format, one for each split.

    Args:
        options (argparse.Namespace): Options of :func:`make_parser`.

    Raises:
        OSError: If there is no folder of images, or no image in it.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.root = options.src
        if self.root.is_file():
            raise NotADirectoryError(
                f'{self.root} is a file; unpack it (python -m zipfile -e {self.root} DIR) '
                'and name the folder.'
            )
        if not self.root.is_dir():
            raise FileNotFoundError(f'There is no folder {self.root}.')
        self._options = options
        # Folders of images are often links.
        self._files = sorted(
            Path(folder, name)
            for folder, _, names in os.walk(self.root, followlinks=True)
            for name in names
        )
        self.images = [p for p in self._files if KINDS.get(p.suffix.lower()) == 'image']
        if not self.images:
            raise FileNotFoundError(
                f'{self.root} has no images; put those of the data set below it.'
            )
        names = [path.relative_to(self.root).as_posix() for path in self.images]
        self._names = ImageNames(dict(enumerate(names)))
        self._splits: dict[str | None, list[tuple[dict, list[dict]]]] = {}
        self._count = 0

    def inputs(self, pattern: str, remedy: str) -> list[Path]:
        """Find files below the source that are not of a former output.

        Raises:
            FileNotFoundError: If there are none; it ends with the remedy.
        """
        outputs = {(self._options.out / f'{split}.json').resolve() for split in SPLITS}
        found = [path for path in self._files if fnmatch(path.name, pattern)]
        found = [path for path in found if path.resolve() not in outputs]
        if not found:
            raise FileNotFoundError(
                f'There is no {pattern} below {self.root}, besides what is written to '
                f'{self._options.out}; {remedy}'
            )
        return found

    def find(self, name: str) -> Path | None:
        """Find the image of a name, with or without folders and extension."""
        index = self._names.of_path(name)
        if index is None or self.images[index].stem not in (Path(name).stem, name):
            return None
        return self.images[index]

    def add(
        self,
        path: Path | str,
        people: Iterable[Mapping],
        *,
        split: str | None = None,
        size: Sequence[int] | None = None,
        image_id: int | None = None,
        **fields: str,
    ) -> None:
        """Add an image with its people.

        Args:
            path (Path | str): The image, or a name for :meth:`find`.
            people (Iterable[Mapping]): ``keypoints``, COCO's 17 as x, y and flag; and
                perhaps ``bbox``, ``area`` and ``iscrowd``. Without a bbox it is made from
                the keypoints and ``others``, which COCO lacks, without an area from the
                bbox.
            split (str, optional): Its split; without one see ``--val-every``.
            size (Sequence[int], optional): Width and height that the people are annotated
                in, by default those of the image.
            image_id (int, optional): Its id, by default the next number.
            **fields (str): What else its record has, such as ``category``.

        Raises:
            OSError: If the image is missing, ambiguous or broken.
            ValueError: If it has another shape than the annotations.
        """
        name = path
        path = path if isinstance(path, Path) else self.find(path)
        if path is None:
            raise FileNotFoundError(
                f'{self.root} has no image {name}, or more than one; put the images of the '
                'annotations below it, with their names.'
            )
        width, height = actual = image_size(path)
        if size is None or min(size) <= 0:
            size = actual
        if abs(size[0] * height / (size[1] * width) - 1) > ASPECT:
            raise ValueError(
                f'{path} has {width} x {height} pixels, but its annotations are for '
                f'{size[0]} x {size[1]}; take the image that was annotated.'
            )
        scale = np.divide(actual, size)
        if self._options.category:
            fields.pop('text_prompt', None)
        given = dict(category=self._options.category, text_prompt=self._options.text_prompt)
        self._count += 1
        image = dict(
            id=self._count if image_id is None else image_id,
            file_name=path.relative_to(self.root).as_posix(),
            width=width,
            height=height,
            **fields | {key: value for key, value in given.items() if value},
        )
        records = [_record(person, scale, actual) for person in people]
        records = [record for record in records if record]
        self._splits.setdefault(split, []).append((image, records))

    def write(self) -> None:
        """Write the files, and print what they have.

        Raises:
            OSError: If they cannot be written.
            ValueError: If nobody has keypoints.
        """
        out, every = self._options.out, self._options.val_every
        splits = dict(self._splits)
        for number, pair in enumerate(splits.pop(None, []), 1):
            split = 'val' if every and number % every == 0 else 'train'
            splits.setdefault(split, []).append(pair)
        contents = {split: _content(pairs) for split, pairs in splits.items()}
        counts = {
            split: sum(a['num_keypoints'] > 0 for a in content['annotations'])
            for split, content in contents.items()
        }
        if not any(counts.values()):
            raise ValueError(f'{self.root}: nobody in its annotations has keypoints.')
        out.mkdir(parents=True, exist_ok=True)
        for split in SPLITS:
            path = out / f'{split}.json'
            if split not in contents and path.exists():
                # Its images may be others' for training now.
                raise ValueError(
                    f'{path} is of an earlier export, and this one has no such images; '
                    'delete it, or name another folder.'
                )
        for split, content in contents.items():
            path = out / f'{split}.json'
            with replace_file(str(path)) as file:
                file.write(json.dumps(content).encode())
            print(
                f'{path}: {len(content["images"])} images, {counts[split]} people with '
                'keypoints'
            )


def add_coco_file(
    files: KeypointFiles,
    path: Path,
    *,
    split: str | None = None,
    renamed: Sequence[str] = (),
    fields_of: Callable[[Mapping], Mapping[str, str]] = lambda image: {},
    find: Callable[[str], Path | str] = lambda name: name,
    keep_ids: bool = False,
) -> None:
    """Add what a keypoint file in COCO's format has.

    Args:
        files (KeypointFiles): What to add to.
        path (Path): The file.
        split (str, optional): Split of its images.
        renamed (Sequence[str]): What the option of :func:`add_rename_option` has.
        fields_of (Callable): Returns further fields of an image, of its record.
        find (Callable): Returns the image of a ``file_name``.
        keep_ids (bool): Whether images keep their ids.

    Raises:
        OSError: If it cannot be read, or an image is missing.
        ValueError: If it is broken, or its keypoints are not those of people.
    """
    coco = Annotations(path)
    coco.check_images()
    if coco.num_keypoints is None:
        raise ValueError(f'{path}: nobody in it has keypoints.')
    names = coco.cats[coco.person_id].get('keypoints')
    names = names or [str(number + 1) for number in range(coco.num_keypoints)]
    # Human-Art names four more than it has under this key.
    names = names[: coco.num_keypoints]
    if len(names) != coco.num_keypoints:
        raise ValueError(
            f'{path}: people have {coco.num_keypoints} keypoints, but their category names '
            f'{len(names)}; export it again.'
        )
    if len(names) == len(KEYPOINTS) and max(indices(rename(names, renamed))) < 0:
        print(f"{path}: its 17 keypoints are taken for COCO's, in order.", file=sys.stderr)
        names = KEYPOINTS
    order = keypoint_order(names, path, renamed)
    for image_id, image in coco.imgs.items():
        people = []
        for annotation in coco.imgToAnns.get(image_id, ()):
            points = np.reshape(annotation['keypoints'], (-1, 3))
            keypoints = reordered(points, order)
            people.append({**annotation, 'keypoints': keypoints, 'others': points})
            if not annotation.get('segmentation'):
                # Then it is that of the bbox.
                people[-1].pop('area', None)
        own = {key: image[key] for key in BaseVLDataset.IMAGE_KEYS if image.get(key)}
        files.add(
            find(image['file_name']),
            people,
            split=split,
            size=(image['width'], image['height']),
            image_id=image_id if keep_ids else None,
            **{**own, **fields_of(image)},
        )


def keypoint_order(
    names: Sequence[str], source: str | Path, renamed: Sequence[str] = ()
) -> list[int]:
    """Find COCO's keypoints among others, and say which others are omitted.

    Args:
        names (Sequence[str]): Names of the others, in any spelling.
        source (str | Path): Where they are from, for messages.
        renamed (Sequence[str]): What the option of :func:`add_rename_option` has.

    Returns:
        list[int]: Index of each of COCO's keypoints, -1 where there is none.

    Raises:
        ValueError: If there are none.
    """
    known = rename(names, renamed)
    order = indices(known)
    if max(order) < 0:
        raise ValueError(
            f"{source}: none of its keypoints ({', '.join(names)}) is one of COCO's "
            f'({", ".join(KEYPOINTS)}); say which they are: --rename NAME=KEYPOINT ...'
        )
    others = [old for old, name in zip(names, known, strict=True) if name not in KEYPOINTS]
    missing = [name for name in KEYPOINTS if name not in known]
    if others and missing:
        print(
            f'{source}: there is no {", ".join(missing)}; {", ".join(others)} are omitted. '
            'If they are the same, say so with --rename.',
            file=sys.stderr,
        )
    return order


def indices(names: Sequence[str]) -> list[int]:
    """Return the index of each of COCO's keypoints among names, -1 where there is none."""
    return [names.index(name) if name in names else -1 for name in KEYPOINTS]


def rename(names: Iterable[str], renamed: Sequence[str]) -> list[str]:
    """Spell names of keypoints as COCO does, and rename them.

    Raises:
        ValueError: If one is renamed to what COCO does not have.
    """
    table = {}
    for pair in renamed:
        old, _, new = pair.rpartition('=')
        if new not in KEYPOINTS or not old:
            raise ValueError(
                f"--rename {pair}: write NAME=KEYPOINT, with one of COCO's keypoints: "
                f'{", ".join(KEYPOINTS)}.'
            )
        table[_spelled(old)] = new
    spelled = map(_spelled, names)
    return [table.get(name, name) for name in spelled]


def reordered(points: np.ndarray, order: Sequence[int]) -> np.ndarray:
    """Return COCO's keypoints, 17 x 3, of others, K x 3; those at -1 are not labeled."""
    return np.vstack([points, np.zeros(3)])[order]


def split_of(path: Path) -> str | None:
    """Return the split that the name of a file tells: train, val or test."""
    found = re.search(rf'(?<![a-z])({"|".join(SPLITS)})', path.stem.lower())
    return found and found[1]


def image_size(path: Path) -> tuple[int, int]:
    """Return the width and height of an image as it is shown.

    Raises:
        OSError: If it cannot be read.
    """
    try:
        with Image.open(path) as image:
            size = image.size
            is_turned = image.getexif().get(ORIENTATION, 1) > 4
    except UnidentifiedImageError as error:
        raise OSError(f'{path} is not a readable image; use a JPEG or PNG.') from error
    return size[::-1] if is_turned else size


def _spelled(name: str) -> str:
    """Spell ``'Left Shoulder'`` and ``'leftShoulder'`` as ``'left_shoulder'``."""
    words = re.sub(r'(?<=[a-z])(?=[A-Z])', '_', str(name).strip())
    return re.sub(r'[\W_]+', '_', words).lower()


def _record(person: Mapping, scale: np.ndarray, size: Sequence[int]) -> dict | None:
    """Describe a person as COCO does; ``None`` if there is nothing of him."""
    points = _visible(person['keypoints'], scale, size)
    bbox = person.get('bbox')
    if bbox is not None:
        bbox = np.multiply(bbox[:4], np.tile(scale, 2))
    others = np.reshape(person.get('others', ()), (-1, 3))
    extent = np.vstack([points, _visible(others, scale, size)])
    extent = extent[extent[:, 2] > 0, :2]
    if len(extent):
        start, end = extent.min(axis=0), extent.max(axis=0)
        if bbox is None or np.abs([bbox[:2] - start, bbox[:2] + bbox[2:] - end]).max() < 1:
            # Some tools write the bbox of the keypoints.
            margin = MARGIN * (end - start).max()
            start, end = np.maximum(start - margin, 0), np.minimum(end + margin, size)
            bbox = np.concatenate([start, end - start])
    elif bbox is None:
        return None
    if min(bbox[2:]) <= 0:
        # Of a single keypoint, say: nothing can be cropped.
        return None
    area = COVERED * bbox[2] * bbox[3]
    if person.get('area'):
        area = person['area'] * scale.prod()
    return dict(
        category_id=PERSON['id'],
        bbox=bbox.round(2).tolist(),
        area=round(float(area), 2),
        iscrowd=person.get('iscrowd', 0),
        keypoints=points.round(2).ravel().tolist(),
        num_keypoints=int((points[:, 2] > 0).sum()),
    )


def _visible(points: np.ndarray, scale: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Scale points, K x 3, and set those to zero that are not labeled or outside."""
    points = np.array(points, float)
    points[:, :2] *= scale
    inside = ((points[:, :2] >= 0) & (points[:, :2] <= size)).all(axis=1)
    points[(points[:, 2] <= 0) | ~inside] = 0
    return points


def _content(pairs: Sequence[tuple[dict, list[dict]]]) -> dict:
    """Return the content of an annotation file."""
    annotations = []
    for image, records in pairs:
        for record in records:
            annotations.append(
                dict(id=len(annotations) + 1, image_id=image['id'], **record)
            )
    images = [image for image, _ in pairs]
    return dict(images=images, annotations=annotations, categories=[PERSON])
