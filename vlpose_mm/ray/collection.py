"""List the images of a collection: here, in tables and in object stores."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from glob import has_magic
from typing import NamedTuple
from urllib.parse import urlsplit

import fsspec
import pyarrow as pa
from fsspec.implementations.arrow import ArrowFSWrapper
from pyarrow import fs, parquet

from vlpose_mm.apis.inputs import find_items
from vlpose_mm.apis.writers import reason_of
from vlpose_mm.datasets.image_names import Id
from vlpose_mm.local_files import KINDS, check_place, is_url

TABLE, LIST = '.parquet', '.txt'
# Columns that are looked for in a table: of its images, and of their ids.
COLUMNS = ('path', 'image', 'bytes')
IMAGE_ID = 'image_id'


class Image(NamedTuple):
    """An image of a collection."""

    name: str  # Unique in the collection.
    place: str  # Absolute path, http(s) URL, or path in a file system.
    system: int | None = None  # Its file system among those of the collection.
    row: int | None = None  # Its row, if ``place`` is a table of bytes.
    image_id: Id | None = None  # That of a table.


class Collection:
    """The images of some inputs.

    Args:
        inputs (Sequence[str]): Images, folders, globs, lists (``.txt``: a path or URL in
            each line) and tables (``.parquet``); each may be the URL of an object store,
            such as ``s3://bucket/folder``.
        column (str, optional): Column of the tables: paths or URLs, or the bytes of image
            files; by default the first of :data:`COLUMNS` that a table has.

    Raises:
        OSError: If something does not exist, or an object store refuses.
        ValueError: If a table has no such column, or there are no images.
    """

    def __init__(self, inputs: Sequence[str], column: str | None = None) -> None:
        #: File systems of images that are no files here.
        self.systems: list[fs.FileSystem] = []
        #: Column of each table of bytes.
        self.byte_columns: dict[str, str] = {}
        #: Names of what is no image.
        self.skipped: list[str] = []
        #: The images, in order.
        self.images: list[Image] = []
        self._column = column
        self._known: dict[tuple, tuple[int, str]] = {}
        names = set()
        for image in self._find(inputs):
            name = first = as_text(image.name)
            count = 1
            while name in names:
                count += 1
                name = f'{first} ({count})'
            names.add(name)
            self.images.append(image._replace(name=name))
        if not self.images:
            raise ValueError(f'There are no images in {", ".join(map(shown_url, inputs))}.')

    def _find(self, inputs: Sequence[str]) -> Iterator[Image]:
        plain = [each for each in inputs if not _is_remote(each)]
        plain = [each for each in plain if not each.endswith((TABLE, LIST))]
        if plain:
            yield from self._local(plain)
        for place in inputs:
            if place not in plain:
                yield from self._opened(place)

    def _local(self, places: list[str]) -> Iterator[Image]:
        """Find images as ``vlpose`` does."""
        if len(places) == 1 and not is_url(places[0]):
            check_place(places[0])
        items, skipped = find_items(places[0] if len(places) == 1 else places)
        self.skipped += skipped
        for item in items:
            if item.is_video:
                self.skipped.append(item.name)
            else:
                yield Image(item.name, item.location)

    def _opened(self, place: str) -> Iterator[Image]:
        """Find what is in tables, lists and object stores."""
        shown = shown_url(place)
        if _is_remote(place):
            system, path = self._resolve(place)
        else:
            system, path = self._add(fs.LocalFileSystem()), os.path.abspath(place)
        opened, kind = self.systems[system], os.path.splitext(path)[1]
        for name, found in find_objects(opened, path, shown):
            if kind == TABLE:
                yield from self._table(name, found, system)
            elif kind == LIST:
                with about(shown), opened.open_input_file(found) as file:
                    lines = file.read().decode('utf-8', 'surrogateescape').splitlines()
                lines = list(filter(None, map(str.strip, lines)))
                yield from self._places(lines, [None] * len(lines))
            elif KINDS.get(os.path.splitext(found)[1].lower()) == 'image':
                yield Image(name, found, system)
            else:
                self.skipped.append(name)

    def _table(self, name: str, path: str, system: int) -> Iterator[Image]:
        with about(name):
            table = parquet.ParquetFile(self.systems[system].open_input_file(path))
        schema = table.schema_arrow
        wanted = COLUMNS if self._column is None else (self._column,)
        found = [column for column in wanted if column in schema.names]
        if not found:
            raise ValueError(
                f'{name} has no column {" or ".join(wanted)}, but '
                f'{", ".join(schema.names)}; name that of the paths or bytes of the images '
                '(--column).'
            )
        column, kind = found[0], schema.field(found[0]).type
        if pa.types.is_struct(kind) and kind.get_field_index('bytes') >= 0:
            # As Hugging Face's datasets store images.
            column, kind = f'{column}.bytes', kind.field('bytes').type
        count = table.metadata.num_rows
        ids = [None] * count
        if IMAGE_ID in schema.names:
            ids = table.read([IMAGE_ID])[IMAGE_ID].to_pylist()
        if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            self.byte_columns[path] = column
            for row in range(count):
                yield Image(f'{name}#{row:09}', path, system, row, ids[row])
        elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
            places = table.read([column])[column].to_pylist()
            if not all(places):
                row = next(row for row, place in enumerate(places) if not place)
                raise ValueError(f'{name} has no {column} in row {row}; fill or drop it.')
            yield from self._places(places, ids)
        else:
            raise ValueError(
                f'{name} has {kind} in its column {column}; name one of paths (string) or '
                'of the bytes of images (binary) (--column).'
            )

    def _places(self, places: Sequence[str], ids: Sequence[Id | None]) -> Iterator[Image]:
        """Find the images of a list; a missing one fails when it is read."""
        paths = [None if '://' in place else os.path.abspath(place) for place in places]
        folders = {os.path.dirname(path) for path in paths if path is not None}
        root = os.path.join(os.path.commonpath(folders), '') if folders else ''
        for place, path, image_id in zip(places, paths, ids, strict=True):
            if path is not None:
                yield Image(path[len(root) :], path, image_id=image_id)
            elif is_url(place):
                yield Image(place, place, image_id=image_id)
            else:
                system, path = self._resolve(place)
                yield Image(path, path, system, image_id=image_id)

    def _resolve(self, url: str) -> tuple[int, str]:
        """Return the number of the file system of a URL, and the path in it."""
        parts = urlsplit(url)
        tail, known = parts.path.rstrip('/'), (parts.scheme, parts.netloc, parts.query)
        # Of others each file system makes another path.
        is_plain = '%' not in tail and '#' not in url
        if is_plain and known in self._known:
            number, bucket = self._known[known]
            return number, bucket + tail
        system, found = open_system(url)
        number, found = self._add(system), found.rstrip('/')
        if is_plain and found.endswith(tail):
            # The bucket, in some; it is the same for all objects.
            self._known[known] = number, found.removesuffix(tail)
        return number, found

    def _add(self, system: fs.FileSystem) -> int:
        if system not in self.systems:
            self.systems.append(system)
        return self.systems.index(system)


def open_system(url: str) -> tuple[fs.FileSystem, str]:
    """Open the file system of a URL, of PyArrow or else of fsspec, and the path in it."""
    with about(shown_url(url)):
        try:
            return fs.FileSystem.from_uri(url)
        except pa.ArrowInvalid as error:
            if 'nrecognized filesystem' not in str(error):
                raise
        try:
            system, path = fsspec.core.url_to_fs(url)
        except ImportError as error:
            # It names the package.
            raise ValueError(str(error)) from error
    return fs.PyFileSystem(fs.FSSpecHandler(system)), path


def find_objects(system: fs.FileSystem, path: str, shown: str) -> Iterator[tuple[str, str]]:
    """Find a file, those of a folder and its subfolders, or those of a glob.

    Yields:
        tuple[str, str]: Its name, relative to the folder, and its path.
    """
    with about(shown):
        root, info = path, system.get_file_info(path)
        if info.type == fs.FileType.File:
            yield info.base_name, path
            return
        if info.type == fs.FileType.Directory:
            infos = system.get_file_info(fs.FileSelector(path, recursive=True))
            found = [each.path for each in infos if each.type == fs.FileType.File]
        elif not has_magic(path):
            raise FileNotFoundError(f'There is no {shown}.')
        else:
            while has_magic(root):
                root = os.path.dirname(root)
            found = ArrowFSWrapper(system).glob(path)
    names = {each[len(root) :].lstrip('/'): each for each in found}
    for name in sorted(names, key=_in_walk):
        if not any(part.startswith('.') for part in name.split('/')):
            yield name, names[name]


def shown_url(place: str) -> str:
    """Return a URL without its user and options, which may be secret."""
    scheme, separator, rest = place.partition('://')
    if not separator or is_url(place):
        return place
    return f'{scheme}://{rest.partition("?")[0].rpartition("@")[2]}'


def as_text(name: str) -> str:
    """Escape what is not UTF-8, as Parquet has nothing else."""
    return name.encode(errors='backslashreplace').decode()


@contextmanager
def about(name: str) -> Iterator[None]:
    """Let what PyArrow raises name the file, in one line."""
    try:
        yield
    except (OSError, ValueError) as error:
        kinds = (FileNotFoundError, OSError, ValueError)
        kind = next(kind for kind in kinds if isinstance(error, kind))
        line = reason_of(error)
        raise kind(line if name in line else f'{name}: {line}') from error


def _in_walk(name: str) -> tuple:
    """The order of ``os.walk``: the files of a folder, then its subfolders."""
    *folders, file = name.split('/')
    return (*((1, folder) for folder in folders), (0, file))


def _is_remote(place: str) -> bool:
    return '://' in place and not is_url(place)
