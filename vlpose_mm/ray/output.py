"""The folder of a run: its settings, and the results as Parquet, written whole or not."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from uuid import uuid4

import pyarrow as pa
from pyarrow import fs, parquet

from vlpose_mm.apis.progress import check_settings
from vlpose_mm.checkpoint.io import UNFINISHED
from vlpose_mm.ray.collection import Image, about, as_text, open_system, shown_url

RUN, POSES = 'run.json', 'poses'


def poses_schema(id_type: pa.DataType, category_type: pa.DataType) -> pa.Schema:
    """Return the columns: one row for each instance, or one for an image without any."""
    return pa.schema(
        dict(
            image=pa.string(),  # its name, unique in the collection
            place=pa.string(),  # path or URL, of the table if it is a row of one
            image_id=id_type,  # that of a table or of the file of bboxes
            width=pa.int32(),
            height=pa.int32(),
            instance=pa.int32(),  # from 0; null where the image has none
            bbox=pa.list_(pa.float32()),  # x1, y1, x2, y2
            bbox_score=pa.float32(),
            keypoints=pa.list_(pa.list_(pa.float64())),  # K, 2
            keypoint_scores=pa.list_(pa.float32()),  # K
            category_id=category_type,
            scenario=pa.string(),
            route=pa.string(),
            text_prompt=pa.string(),  # several as JSON
            read_as=pa.map_(pa.string(), pa.float64()),
            model=pa.string(),
            weights=pa.string(),  # digest, as is the next
            adapter=pa.string(),
            error=pa.string(),  # why the image failed
        )
    )


class Output:
    """A folder here, which all workers must share, or in an object store.

    Args:
        place (str): Its path or URL.
    """

    def __init__(self, place: str) -> None:
        self.shown = shown_url(place)
        if '://' in place:
            self.system, self.path = open_system(place)
            self.path = self.path.rstrip('/')
        else:
            self.system, self.path = fs.LocalFileSystem(), os.path.abspath(place)

    def begin(self, settings: dict, resume: bool) -> None:
        """Write the settings of a run, or check that it continues one.

        Raises:
            OSError: If the folder cannot be written to.
            ValueError: If it is of another run, or ``resume`` is not set.
        """
        with about(self.shown):
            self.system.create_dir(f'{self.path}/{POSES}', recursive=True)
            before = self.settings()
            if before is None:
                self._write(RUN, json.dumps(settings, indent=2).encode())
            elif not resume:
                raise ValueError(
                    f'{self.shown} holds the results of another run; continue it '
                    '(--resume, resume=True), or name another folder.'
                )
        if before is not None:
            check_settings(self.shown, before, settings)
            for path in self._files():
                if UNFINISHED.fullmatch(os.path.basename(path)):
                    self.system.delete_file(path)

    def settings(self) -> dict | None:
        """Return the settings of the run, if there is one."""
        path = f'{self.path}/{RUN}'
        if self.system.get_file_info(path).type != fs.FileType.File:
            return None
        with self.system.open_input_file(path) as file:
            return json.loads(file.read())

    def add(self, first: int, poses: pa.Table) -> None:
        """Write the results of some images, of which the first has this number.

        The same images have the same file: written again, it is replaced.
        """
        names = '\n'.join(poses['image'].to_pylist())
        digest = hashlib.sha256(names.encode('utf-8', 'surrogateescape')).hexdigest()[:8]
        sink = pa.BufferOutputStream()
        parquet.write_table(poses, sink)
        with about(self.shown):
            self._write(f'{POSES}/{first:09}-{digest}.parquet', sink.getvalue())

    def parts(self) -> list[str]:
        """Return the files of results, in order."""
        with about(self.shown):
            return sorted(each for each in self._files() if each.endswith('.parquet'))

    def read(self, path: str, columns: list[str] | None = None) -> pa.Table:
        """Read a file of results."""
        with about(path):
            try:
                return parquet.read_table(path, columns=columns, filesystem=self.system)
            except pa.ArrowInvalid as error:
                raise ValueError(
                    f'{path} is not a whole Parquet file; delete it, and a run that '
                    'resumes writes it again.'
                ) from error

    def images(self) -> dict[str, str]:
        """Return the place of each image with a result, by its name.

        Raises:
            ValueError: If one has two results.
        """
        found: dict[str, str] = {}
        files: dict[str, str] = {}
        for path in self.parts():
            table = self.read(path, ['image', 'place', 'instance'])
            columns = map(pa.ChunkedArray.to_pylist, table)
            for name, place, instance in zip(*columns, strict=True):
                if instance not in (None, 0):
                    continue
                if name in found:
                    raise ValueError(
                        f'{self.shown} has two results of {name}, in {files[name]} and '
                        f'{path}; delete one of these files.'
                    )
                found[name], files[name] = place, path
        return found

    def done(self, images: Sequence[Image]) -> dict[str, str]:
        """Return what :meth:`images` does, if these images still have the same names.

        Names depend on the whole collection: one that grew may have other ones.

        Raises:
            ValueError: If a name is that of another image now, or an image has another.
        """
        done, names = self.images(), {image.name for image in images}
        renamed = {place: name for name, place in done.items() if name not in names}
        for name, place in ((image.name, as_text(image.place)) for image in images):
            if name in done:
                before = name, done[name]
            else:
                before = renamed.get(place, name), place
            if before != (name, place):
                raise ValueError(
                    f'{self.shown} has {before[1]} as {before[0]}, but {place} is {name} '
                    'in these inputs, so that its result would be missing or there twice; '
                    'name another folder.'
                )
        return done

    def _files(self) -> list[str]:
        selector = fs.FileSelector(f'{self.path}/{POSES}', allow_not_found=True)
        return [info.path for info in self.system.get_file_info(selector)]

    def _write(self, name: str, content: bytes | pa.Buffer) -> None:
        """Write a file, which has its name only once it is whole."""
        folder, base = os.path.split(f'{self.path}/{name}')
        temporary = f'{folder}/.{base}.{uuid4().hex[:8]}.tmp'
        with self.system.open_output_stream(temporary) as file:
            file.write(content)
        self.system.move(temporary, f'{folder}/{base}')
