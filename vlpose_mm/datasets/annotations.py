"""Read and check COCO's files: one checker for datasets, metrics, tools and bboxes."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, TypeGuard

from mmengine import fileio
from xtcocotools.coco import COCO

from vlpose_mm.datasets.image_names import Id, ImageNames

PERSON, KEYPOINTS = 'person', 'keypoints'
# Pixels; what is farther away is an error, and does not fit into every kind of number.
MAX_COORDINATE = 1e9
BBOX = 'x, y, width and height in pixels'


class CategoryError(ValueError):
    """It is unknown which category is a person."""


class Annotations(COCO):
    """The people of a keypoint annotation file.

    Ids are integers or text. Annotations of other categories are left out, those without
    keypoints have zeros, as in COCO. The category of people is the one named person, else
    the only one with keypoints, else the only one.

    Args:
        path (str | Path): COCO-format annotation file.
        is_labeled (bool): Whether the file must have annotations.
        keypoints_key (str): What an annotation has its keypoints under, such as
            ``'keypoints_21'`` of Human-Art.

    Attributes:
        person_id (int | str): Category of people.
        category_names (dict[int | str, str]): All categories of the file.
        num_keypoints (int | None): Keypoints of an instance; ``None`` if none has any.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is not a consistent file of keypoint annotations.
    """

    def __init__(
        self, path: str | Path, is_labeled: bool = True, keypoints_key: str = KEYPOINTS
    ) -> None:
        self.path = str(path)
        content = read_json(path)
        optional = () if is_labeled else ('annotations',)
        images, annotations, categories = _tables(content, self.path, optional)
        for table in ('images', 'annotations', 'categories'):
            _check_ids(content.get(table, ()), table, self.path)
        for image in images:
            if not isinstance(image.get('file_name') or '', str):
                raise ValueError(
                    f'{self.path}: the file_name of image {_shown(image["id"])} must be '
                    f'text, got {_shown(image["file_name"])}.'
                )
            if '\\' in (image.get('file_name') or ''):  # of another system
                image['file_name'] = image['file_name'].replace('\\', '/')
        self.category_names = {c['id']: str(c.get('name') or '') for c in categories}
        known = {image['id'] for image in images}
        for key, ids in dict(image_id=known, category_id=self.category_names).items():
            check_known(annotations, key, ids, self.path)
        self.person_id = find_person(categories, annotations, self.path)
        self._num_annotations = len(annotations)
        people = [a for a in annotations if a['category_id'] == self.person_id]
        if keypoints_key != KEYPOINTS:
            self._take_keypoints(people, keypoints_key)
        self.num_keypoints = self._check_people(people)
        person = [c for c in categories if c['id'] == self.person_id]
        content = {**content, 'annotations': people, 'categories': person}
        with redirect_stdout(None):
            super().__init__(self.path, ann_data=content)

    def check_num_keypoints(self, num_keypoints: int) -> None:
        """Check that instances have as many keypoints as the config."""
        if self.num_keypoints not in (None, num_keypoints):
            first = next(iter(self.anns.values()))
            raise ValueError(
                f'{self._name(first)} has {self.num_keypoints} keypoints '
                f'({3 * self.num_keypoints} numbers), but {num_keypoints} are expected '
                f'({3 * num_keypoints} numbers); use annotations of {num_keypoints}, or a '
                f'config of {self.num_keypoints}.'
            )

    def check_images(self) -> None:
        """Check that the images can be read and their bboxes be clipped."""
        for image in self.imgs.values():
            sizes = [image.get('width'), image.get('height')]
            if not image.get('file_name'):
                raise ValueError(
                    f'{self.path}: image {_shown(image["id"])} has no file_name; add it.'
                )
            if not are_numbers(sizes) or min(sizes) <= 0:
                raise ValueError(
                    f'{self.path}: image {_shown(image["id"])} ({image["file_name"]}) must '
                    f'have a width and a height in pixels, got {_shown(sizes)}.'
                )

    def check_scorable(self, use_area: bool = True, is_crowd_pose: bool = False) -> None:
        """Check that results can be scored with these annotations.

        Args:
            use_area (bool): Whether scores need the area of instances.
            is_crowd_pose (bool): Whether they need the fields of CrowdPose.
        """
        scored = [a for a in self.anns.values() if not _reason(a)]
        if not scored:
            raise self.nobody_left(map(_reason, self.anns.values()))
        if use_area:
            for annotation in scored:
                if annotation.get('area') is None:
                    raise ValueError(
                        f'{self._name(annotation)} has no area, by which its keypoints are '
                        'scored; add it, in square pixels, or set use_area=False in the '
                        'evaluator.'
                    )
            if not any(a['area'] for a in scored):
                raise ValueError(
                    f'{self.path}: the area of every annotation is 0, so that no result '
                    'can match; write areas in square pixels, or set use_area=False in the '
                    'evaluator.'
                )
        if not is_crowd_pose:
            return
        for annotation in self.anns.values():
            if 'num_keypoints' not in annotation:
                raise ValueError(f'{self._name(annotation)} has no num_keypoints; add it.')
        for image in self.imgs.values():
            if not are_numbers([image.get('crowdIndex')]):
                raise ValueError(
                    f'{self.path}: image {_shown(image["id"])} has no crowdIndex, which '
                    "'keypoints_crowd' needs; add it, or evaluate 'keypoints'."
                )

    def nobody_left(self, reasons: Iterable[str | None]) -> ValueError:
        """Return an error that counts why no annotation is usable."""
        counts = Counter(reason for reason in reasons if reason)
        others = self._num_annotations - len(self.anns)
        counts['of another category than ' + self._person()] = others
        return ValueError(
            f'0 of {self._num_annotations} annotations of {self.path} are usable'
            f'{_counted(counts)}; a usable one is no crowd and has a bbox within the image '
            'and labeled keypoints.'
        )

    def _person(self) -> str:
        return _category(self.person_id, self.category_names)

    def _name(self, annotation: Mapping) -> str:
        return (
            f'{self.path}: annotation {_shown(annotation["id"])} (on image '
            f'{_shown(annotation["image_id"])})'
        )

    def _take_keypoints(self, people: Sequence[dict], key: str) -> None:
        """Take other keypoints than the usual ones, in place."""
        if people and not any(key in annotation for annotation in people):
            raise ValueError(f'{self.path}: no annotation has {key}.')
        for annotation in people:
            annotation[KEYPOINTS] = annotation.get(key)
            # It is of the usual ones.
            annotation.pop('num_keypoints', None)

    def _check_people(self, people: Sequence[dict]) -> int | None:
        """Check values, complete them in place, and return the number of keypoints."""
        labeled = [a for a in people if a.get('keypoints') not in (None, [])]
        sizes = dict.fromkeys(len(_listed(a['keypoints'])) for a in labeled)
        for annotation in labeled:
            self._check_keypoints(annotation['keypoints'], sizes, annotation)
        size = next(iter(sizes), 0)
        for annotation in people:
            if annotation.get('keypoints') in (None, []):
                annotation.update(keypoints=[0] * size, num_keypoints=0)
            self._check_values(annotation)
        return size // 3 or None

    def _check_keypoints(self, values: Any, sizes: Mapping, annotation: dict) -> None:
        name = self._name(annotation)
        form = 'write one flat list of x, y and a flag (0, 1 or 2) for each keypoint.'
        if not are_numbers(values, maximum=MAX_COORDINATE):
            broken = [v for v in _listed(values) if not are_numbers([v], 1, MAX_COORDINATE)]
            shown = f', such as {_shown(broken[0])}' if broken else ''
            raise ValueError(
                f'{name} has keypoints that are not finite numbers{shown}; {form}'
            )
        if len(values) % 3:
            raise ValueError(f'{name} has {len(values)} numbers as keypoints; {form}')
        expected = next(iter(sizes))
        if len(values) != expected:
            raise ValueError(
                f'{name} has {len(values) // 3} keypoints ({len(values)} numbers), but the '
                f'first annotation has {expected // 3} ({expected} numbers); {form}'
            )
        if min(values[2::3]) < 0:
            raise ValueError(
                f'{name} has a keypoint with the flag {min(values[2::3])}; {form}'
            )

    def _check_values(self, annotation: dict) -> None:
        """Check all but the keypoints; without these, a record counts as ignored."""
        for key in ('area', 'num_keypoints', 'iscrowd'):
            if annotation.get(key, 0) is None:
                del annotation[key]
        if not any(flag > 0 for flag in annotation['keypoints'][2::3]):
            # Some files count coordinates, with which nothing would be learned.
            annotation['num_keypoints'] = 0
        bbox, is_labeled = annotation.get('bbox'), any(annotation['keypoints'])
        if bbox is None and not is_labeled:
            # There is neither an instance nor a region to ignore.
            bbox = annotation['bbox'] = [0, 0, 0, 0]
        if not are_numbers(bbox, 4, MAX_COORDINATE):
            problem = 'no bbox' if bbox is None else f'the bbox {_shown(bbox)}'
            raise ValueError(f'{self._name(annotation)} has {problem}; write {BBOX}.')
        if not is_labeled and not are_numbers([annotation.get('area')]):
            annotation['area'] = bbox[2] * bbox[3]
        area = annotation.get('area', 0)
        if not are_numbers([area]) or area < 0:
            raise ValueError(
                f'{self._name(annotation)} has the area {_shown(area)}; write a number of '
                'square pixels.'
            )
        count = annotation.get('num_keypoints', 0)
        if not are_numbers([count]) or count < 0:
            raise ValueError(
                f'{self._name(annotation)} has the num_keypoints {_shown(count)}; write '
                'the number of labeled keypoints, or omit it.'
            )
        if annotation.get('iscrowd', 0) not in (0, 1):
            raise ValueError(
                f'{self._name(annotation)} has the iscrowd {_shown(annotation["iscrowd"])}'
                '; write 0 or 1.'
            )


def read_json(path: str | Path) -> Any:
    """Read a JSON file; raise a ``ValueError`` if it is not JSON."""
    try:
        return json.loads(fileio.get(str(path)).decode('utf-8-sig'))
    except (ValueError, RecursionError) as error:
        raise ValueError(f'{path} is not a JSON file ({error}).') from error


def read_detections(path: str | Path, annotations: Annotations) -> list[dict]:
    """Read the detected people of annotated images.

    Returns:
        list[dict]: Records with ``image_id``, ``bbox`` and ``score``; the bbox is as in
        the file.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is not a list of detections, or none is usable.
    """
    records = read_json(path)
    if not isinstance(records, list) or not all(isinstance(r, dict) for r in records):
        raise ValueError(
            f'{path} is not a detection file: it must be a list of records with image_id, '
            'category_id, bbox and score.'
        )
    names = annotations.category_names
    people = people_of(records, path, annotations.person_id, names)
    for row, record in enumerate(people):
        name = f'{path}: detection {row} of people (on image {record.get("image_id")!r})'
        bbox, score = record.get('bbox'), record.get('score')
        if not are_numbers(_listed(bbox)[:4], 4, MAX_COORDINATE):
            problem = 'no bbox' if bbox is None else f'the bbox {_shown(bbox)}'
            raise ValueError(f'{name} has {problem}; write four finite numbers.')
        if not are_numbers([score]):
            problem = 'no score' if score is None else f'the score {_shown(score)}'
            raise ValueError(f'{name} has {problem}; write a finite number.')
    people = match_images(people, path, annotations)
    if not people:
        person = _category(annotations.person_id, names)
        counts = {f'of another category than {person}': len(records)}
        raise ValueError(
            f'0 of {len(records)} detections of {path} are usable{_counted(counts)}; '
            'detect people first, or set bbox_file=None to test with annotated bboxes.'
        )
    return people


def match_images(
    records: Sequence[dict], path: str | Path, annotations: Annotations
) -> list[dict]:
    """Return detections or results with the image ids of the annotations.

    Other tools write file names, stems, or numbers as text; see :class:`ImageNames`.

    Raises:
        ValueError: If one is of no image, or of several.
    """
    images = annotations.imgs
    names = ImageNames({i: image.get('file_name') or '' for i, image in images.items()})
    matched = []
    for record in records:
        image_id = record.get('image_id')
        if is_id(image_id) and image_id not in images:
            found = names.of_id(image_id)
            record = record if found is None else {**record, 'image_id': found}
        matched.append(record)
    hint = f', whose file names are like {names.like()}'
    check_known(matched, 'image_id', images, str(path), annotations.path + hint)
    return matched


def find_person(
    categories: Sequence[Mapping], annotations: Sequence[Mapping], path: str | Path
) -> Id:
    """Return the id of the category of people.

    Raises:
        ValueError: If none is named person, and several might be.
    """
    ids = [c['id'] for c in categories]
    labeled = {a['category_id'] for a in annotations if a.get('keypoints')}
    candidates = (
        [c['id'] for c in categories if str(c.get('name')).strip().lower() == PERSON],
        [c['id'] for c in categories if c.get('keypoints')],
        [i for i in ids if i in labeled],
        ids,
    )
    for found in candidates:
        if len(found) == 1:
            return found[0]
    names = {c['id']: str(c.get('name') or '') for c in categories}
    listed = ', '.join(_category(i, names) for i in ids[:10])
    raise CategoryError(
        f'{path} does not say which category is a person: it has {listed}; name one of '
        f'them "{PERSON}", and only one.'
    )


def people_of(
    records: Sequence[dict],
    path: str | Path,
    person_id: Id = 1,
    category_names: Mapping[Id, str] | None = None,
) -> list[dict]:
    """Return those of detections or results that are people.

    These files do not name their categories: they may count from 0, or have another id
    than the annotations where people are all there is.

    Args:
        records (Sequence[dict]): Detections or results.
        path (str | Path): Their file, for errors.
        person_id (int | str): Category of people in the annotations, by default COCO's.
        category_names (Mapping, optional): All categories of the annotations.

    Raises:
        ValueError: If the category of people is unknown.
    """
    names = category_names or {}
    values = [record.get('category_id') for record in records]
    for row, value in enumerate(values):
        if value is not None and not is_id(value):
            raise CategoryError(
                f'{path}: the category_id of record {row} is {_shown(value)}; write an '
                'integer.'
            )
    ids = dict.fromkeys(value for value in values if value is not None)
    if person_id == 1 and 0 in ids and 0 not in names:
        person_id = 0  # They count from 0.
    elif person_id not in ids and len(ids) == 1 and not ids.keys() & names.keys():
        (person_id,) = ids
    elif person_id not in ids and not ids.keys() <= names.keys():
        listed = ', '.join(_category(i, names) for i in [*ids][:10])
        raise CategoryError(
            f'{path} does not say which category is a person: it has {listed}, but not '
            f'{_category(person_id, names)}; keep people alone, or give them that id.'
        )
    # Without a category they are people.
    pairs = zip(records, values, strict=True)
    return [record for record, value in pairs if value in (None, person_id)]


def is_id(value: Any) -> TypeGuard[Id]:
    """Return whether a value is an integer or text."""
    return type(value) in (int, str)  # not bool: True would pass for 1


def are_numbers(
    values: Any, size: int | None = None, maximum: float = math.inf
) -> TypeGuard[list]:
    """Return whether a value is a flat list of finite numbers, of a size if one is set,
    whose absolute values add up to a maximum at most."""
    if not isinstance(values, list) or size not in (None, len(values)):
        return False
    if not {*map(type, values)} <= {int, float}:
        return False
    try:
        total = float(sum(map(abs, values)))
    except OverflowError:  # an integer that no float holds
        return False
    return math.isfinite(total) and total <= maximum * max(len(values), 1)


def _tables(content: Any, path: str, optional: Sequence[str]) -> Iterable[list[dict]]:
    """Return images, annotations and categories of the content of a file."""
    tables = []
    for key in ('images', 'annotations', 'categories'):
        table = content.get(key) if isinstance(content, dict) else None
        if table is None and key in optional:
            table = []
        elif not isinstance(table, list) or not all(isinstance(r, dict) for r in table):
            remedy = ' Add "categories": [{"id": 1, "name": "person"}].'
            raise ValueError(
                f"{path} is not an annotation file in COCO's format: it has no list of "
                f'{key}.{remedy if key == "categories" else ""}'
            )
        elif not table and key != 'annotations':
            raise ValueError(f'{path} has no {key}: the list is empty.')
        tables.append(table)
    return tables


def _check_ids(records: Iterable[Mapping], table: str, path: str) -> None:
    """Check that ids are integers or text, each once."""
    kind = {'categories': 'category'}.get(table, table[:-1])
    first: dict[Id, int] = {}
    twice = []
    for row, record in enumerate(records):
        if not is_id(record.get('id')):
            raise ValueError(
                f'{path}: {kind} number {row} has the id {_shown(record.get("id"))}; '
                'write an integer or text.'
            )
        if first.setdefault(record['id'], row) != row:
            twice.append((record['id'], first[record['id']], row))
    if twice:
        same, one, other = twice[0]
        raise ValueError(
            f'{path} has two {table} with the id {_shown(same)}, numbers {one} and {other} '
            f'of the list; {len(twice)} of its {len(first) + len(twice)} {table} repeat an '
            f'id. Give each {kind} its own, also across images.'
        )


def check_known(
    records: Sequence[dict],
    key: str,
    known: Iterable[Id],
    path: str,
    ann_file: str | None = None,
) -> None:
    """Check that records name images or categories that exist."""
    unknown = [r for r in records if not is_id(r.get(key)) or r[key] not in known]
    if not unknown:
        return
    value, table = unknown[0].get(key), dict(image_id='images').get(key, 'categories')
    which = f'annotation {_shown(unknown[0]["id"])}' if ann_file is None else 'a record'
    where = f'its {table}' if ann_file is None else f'the {table} of {ann_file}'
    hint = ''
    if any(str(each) == str(value) for each in known):
        hint = ' (one is text, the other a number)'
    raise ValueError(
        f'{path}: {which} has the {key} {_shown(value)}, which is not among {where}{hint}; '
        f'so have {len(unknown)} of {len(records)} records. Remove them, or take the file '
        'that they belong to.'
    )


def _reason(annotation: Mapping) -> str | None:
    """Return why an annotation does not count in COCO's evaluation."""
    if annotation.get('iscrowd'):
        return 'crowds'
    if not any(flag > 0 for flag in annotation['keypoints'][2::3]):
        return 'without labeled keypoints'
    return None


def _counted(counts: Mapping[str, int]) -> str:
    listed = ', '.join(f'{count} {reason}' for reason, count in counts.items() if count)
    return f' ({listed})' if listed else ''


def _category(category_id: Id, names: Mapping[Id, str]) -> str:
    name = names.get(category_id)
    return f'{_shown(category_id)} ({name})' if name else _shown(category_id)


def _listed(value: Any) -> list:
    return value if isinstance(value, list) else []


def _shown(value: Any) -> str:
    """Return a value as JSON, shortened."""
    text = json.dumps(value)
    return text if len(text) <= 60 else f'{text[:57]}...'
