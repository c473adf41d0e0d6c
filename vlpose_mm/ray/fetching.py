"""Bring images of tables and object stores to a folder here, ahead of the model."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby
from tempfile import TemporaryDirectory

from pyarrow import fs, parquet

from vlpose_mm.ray.collection import Image, about

# Objects that are fetched at a time; each waits for the store.
THREADS = 16
# Rows of a table that are in memory at a time.
ROWS = 64

# Where an image is here, and why it is not.
Fetched = tuple[str, str | None]


class Fetcher:
    """Brings images to a worker.

    Args:
        systems (Sequence[FileSystem]): See :class:`Collection`.
        byte_columns (dict[str, str]): See :class:`Collection`.
    """

    def __init__(
        self, systems: Sequence[fs.FileSystem], byte_columns: dict[str, str]
    ) -> None:
        self.systems = systems
        self.byte_columns = byte_columns

    def run(
        self, groups: Sequence[Sequence[Image]]
    ) -> Iterator[tuple[Sequence[Image], list[Fetched]]]:
        """Yield groups of images, each fetched while the one before it is used.

        Raises:
            OSError: If an object store refuses; a missing object only fails itself.
        """
        with ThreadPoolExecutor(1) as ahead, ThreadPoolExecutor(THREADS) as pool:

            def fetch(images: Sequence[Image]) -> tuple[TemporaryDirectory, list[Fetched]]:
                folder = TemporaryDirectory(prefix='vlpose_')
                return folder, self._fetch(images, folder.name, pool)

            following = ahead.submit(fetch, groups[0])
            for number, images in enumerate(groups):
                folder, fetched = following.result()
                if number + 1 < len(groups):
                    following = ahead.submit(fetch, groups[number + 1])
                with folder:
                    yield images, fetched

    def _fetch(
        self, images: Sequence[Image], folder: str, pool: ThreadPoolExecutor
    ) -> list[Fetched]:
        tasks = []
        by_table = groupby(enumerate(images), key=lambda each: each[1].place)
        for place, group in by_table:
            group = list(group)
            targets = [_target(folder, number, place) for number, _ in group]
            image = group[0][1]
            if image.system is None:
                tasks += [partial(list, [(place, None)] * len(group))]
            elif image.row is None:
                tasks += [partial(self._object, image, target) for target in targets]
            else:
                tasks.append(partial(self._rows, [each for _, each in group], targets))
        return [each for found in pool.map(lambda task: task(), tasks) for each in found]

    def _object(self, image: Image, target: str) -> list[Fetched]:
        try:
            with (
                about(image.place),
                self.systems[image.system].open_input_file(image.place) as file,
            ):
                _write(target, file.read())
        except FileNotFoundError:
            return [(target, f'There is no {image.place} any more.')]
        return [(target, None)]

    def _rows(self, images: Sequence[Image], targets: Sequence[str]) -> list[Fetched]:
        """Fetch rows of a table of bytes, in any order."""
        place, system = images[0].place, self.systems[images[0].system]
        rows: dict[int, list[str]] = {}
        for image, target in zip(images, targets, strict=True):
            rows.setdefault(image.row, []).append(target)
        first = 0
        with about(place):
            table = parquet.ParquetFile(system.open_input_file(place))
            for group in range(table.num_row_groups):
                count = table.metadata.row_group(group).num_rows
                if any(first <= row < first + count for row in rows):
                    _write_rows(table, group, first, self.byte_columns[place], rows)
                first += count
        return [(target, None) for target in targets]


def _write_rows(
    table: parquet.ParquetFile,
    group: int,
    first: int,
    column: str,
    rows: dict[int, list[str]],
) -> None:
    """Write the rows of a group that are wanted to their targets."""
    for batch in table.iter_batches(ROWS, [group], [column]):
        if any(first <= row < first + len(batch) for row in rows):
            values = batch.column(0)
            for name in column.split('.')[1:]:
                values = values.field(name)
            for row, content in enumerate(values.to_pylist(), first):
                for target in rows.get(row, ()):
                    _write(target, content or b'')
        first += len(batch)
        if first > max(rows):
            return


def _target(folder: str, number: int, place: str) -> str:
    """Return a path for an image; its folders stay, as they may name its scenario."""
    parts = [part for part in place.split('/') if part not in ('', '.', '..')]
    return os.path.join(folder, str(number), *parts)


def _write(path: str, content: bytes) -> None:
    os.makedirs(os.path.dirname(path))
    with open(path, 'wb') as file:
        file.write(content)
