"""What an actor does: fetch images, estimate poses, and write them."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import torch

from vlpose_mm.apis import VLPoseInferencer
from vlpose_mm.apis.inputs import Source, find_items
from vlpose_mm.apis.predictor import MERGE_FROM
from vlpose_mm.apis.writers import reason_of
from vlpose_mm.local_files import is_url, kind_of, printable
from vlpose_mm.ray.collection import Image, as_text
from vlpose_mm.ray.fetching import Fetched, Fetcher
from vlpose_mm.ray.output import RUN, Output

# Images that are fetched while the model runs on those before.
AHEAD = 64


class Job(NamedTuple):
    """What all workers of a run share."""

    model: dict  # Arguments of the inferencer.
    call: dict  # Arguments of its call.
    settings: dict  # Those of the output.
    digests: tuple[str, str | None]  # Of the weights and the adapter.
    fetcher: Fetcher
    folders: list[str]  # Inputs that every worker must have.
    output: Output
    schema: pa.Schema


class PoseEstimation:
    """Holds the model, and is called with the images of one file of results.

    It returns one row: what it did, or the reason for which the run has to stop.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self._inferencer: VLPoseInferencer | None = None

    def __call__(self, part: pa.Table) -> pa.Table:
        images = as_images(part)
        row = dict(images=len(images), instances=0, tuned=0, empty=0, failed=0)
        try:
            if self._inferencer is None:
                self._inferencer = self._build()
            start = time.perf_counter()
            poses = self._estimate(images, row)
            self.job.output.add(part['number'][0].as_py(), poses)
            row['seconds'] = time.perf_counter() - start
        except (OSError, ValueError) as error:
            # An exception would come back wrapped in those of Ray.
            row['stop'] = f'{reason_of(error)} (on {socket.gethostname()})'
        return pa.Table.from_pylist([row], SUMMARY)

    def _build(self) -> VLPoseInferencer:
        """Build the inferencer where the files are those of the driver."""
        job = self.job
        for folder in job.folders:
            if not os.path.isdir(folder):
                raise FileNotFoundError(
                    f'There is no folder {folder} here; name one that all machines share, '
                    'or an object store.'
                )
        if job.output.settings() != job.settings:
            raise ValueError(
                f'{job.output.shown} has no {RUN} of this run here; name a folder that '
                'all machines share, or an object store.'
            )
        inferencer = VLPoseInferencer(**job.model)
        if inferencer.digests != job.digests:
            raise ValueError(
                f'{inferencer.name} has other weights here than where the run was started; '
                'use the same files on all machines.'
            )
        return inferencer

    def _estimate(self, images: Sequence[Image], row: dict) -> pa.Table:
        """Return the rows of the images, in their order."""
        ahead = AHEAD + -AHEAD % self.job.call['batch_size']
        if all(image.system is None for image in images):
            ahead = len(images)
        rows = []
        for group, fetched in self.job.fetcher.run(split(images, ahead)):
            for found in self._estimate_group(group, fetched):
                rows += found
                row['instances'] += found[0]['instance'] is not None and len(found)
                row['tuned'] += found[0]['route'] == 'tuned'
                row['failed'] += found[0]['error'] is not None
                row['empty'] += found[0]['error'] is None and found[0]['instance'] is None
        return pa.Table.from_pylist(rows, self.job.schema)

    def _estimate_group(
        self, images: Sequence[Image], fetched: Sequence[Fetched]
    ) -> Iterator[list[dict]]:
        """Yield the rows of each image."""
        fetched = [(place, reason or _refused(place)) for place, reason in fetched]
        places = [place for place, reason in fetched if reason is None]
        # As the inferencer names them.
        names = iter(item.name for item in (find_items(places)[0] if places else ()))
        own = [next(names) if reason is None else None for _, reason in fetched]
        failed = {}

        def fail(source: Source, error: Exception) -> None:
            if not isinstance(error, OSError | ValueError) and torch.cuda.is_initialized():
                # Raises if it is the device that failed.
                torch.cuda.synchronize()
            failed[source.name] = reason_of(error)

        results = {}
        if places:
            found = self._inferencer(places, True, on_error=fail, **self.job.call)
            results = {result['name']: result for result in found}
        for image, (_, reason), name in zip(images, fetched, own, strict=True):
            if name in results:
                yield self._rows(image, results[name])
            else:
                error = failed[name] if reason is None else reason
                yield [dict.fromkeys(self.job.schema.names) | self._of(image, error=error)]

    def _of(self, image: Image, **columns) -> dict:
        """Return the columns that all images have, and others."""
        weights, adapter = self.job.digests
        model = dict(model=self._inferencer.name, weights=weights, adapter=adapter)
        image_id = image.image_id
        if image_id is not None and self.job.schema.field('image_id').type == pa.string():
            image_id = str(image_id)
        names = dict(image=image.name, place=as_text(image.place), image_id=image_id)
        return names | model | columns

    def _rows(self, image: Image, result: dict) -> list[dict]:
        """Return a row for each instance, or one for an image without any."""
        sample, text_prompt = result['predictions'][0], result['text_prompt']
        height, width = sample.ori_shape
        if isinstance(text_prompt, list):
            text_prompt = json.dumps(text_prompt)
        if result['image_id'] is not None:
            image = image._replace(image_id=result['image_id'])
        row = dict.fromkeys(self.job.schema.names) | self._of(
            image,
            width=width,
            height=height,
            category_id=result['category_id'],
            scenario=result['scenario'],
            route=result['route'],
            text_prompt=text_prompt,
            read_as=result['read_as'] and list(result['read_as'].items()),
        )
        found = sample.pred_instances
        columns = (found.bboxes, found.bbox_scores, found.keypoints, found.keypoint_scores)
        lists = map(np.ndarray.tolist, columns)
        names = ('bbox', 'bbox_score', 'keypoints', 'keypoint_scores')
        return [
            {**row, 'instance': number, **dict(zip(names, values, strict=True))}
            for number, values in enumerate(zip(*lists, strict=True))
        ] or [row]


SUMMARY = pa.schema(
    dict.fromkeys(('images', 'instances', 'tuned', 'empty', 'failed'), pa.int64())
    | dict(seconds=pa.float64(), stop=pa.string())
)


def _refused(place: str) -> str | None:
    """Return why a file or URL is no image to estimate poses on, if so."""
    if not is_url(place) and not os.path.isfile(place):
        return f'There is no file {printable(place)}.'
    return 'it is a video; vlpose takes videos.' if kind_of(place) == 'video' else None


def as_table(images: Sequence[Image], first: int) -> pa.Table:
    """Return images as a block of Ray; the first has this number in the collection."""
    columns = dict(zip(Image._fields, zip(*images, strict=True), strict=True))
    columns['place'] = [os.fsencode(place) for place in columns['place']]
    return pa.table({**columns, 'number': range(first, first + len(images))})


def as_images(part: pa.Table) -> list[Image]:
    """Return the images of a block."""
    images = [Image(**row) for row in part.select(Image._fields).to_pylist()]
    return [image._replace(place=os.fsdecode(image.place)) for image in images]


def split(images: Sequence, size: int) -> list[Sequence]:
    """Split images into groups, of which a short last one joins the one before it.

    A few images alone would not be worth to merge the adapter for, and rounded otherwise.
    """
    starts = [*range(0, len(images), size)]
    if len(starts) > 1 and len(images) - starts[-1] < MERGE_FROM:
        starts.pop()
    return [images[a:b] for a, b in zip(starts, [*starts[1:], None], strict=True)]
