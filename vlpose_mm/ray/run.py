"""Run a collection on the actors of a Ray cluster."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import ray
import ray.data
from mmengine.logging import print_log
from rich.console import Console
from rich.progress import Progress

from vlpose_mm.apis import BBoxFile, VLPoseInferencer
from vlpose_mm.apis.folder_lock import FolderLock
from vlpose_mm.apis.writers import Failure, Summary
from vlpose_mm.ray.coco import write_annotations
from vlpose_mm.ray.collection import Collection, shown_url
from vlpose_mm.ray.fetching import Fetcher
from vlpose_mm.ray.output import Output, poses_schema
from vlpose_mm.ray.worker import Job, PoseEstimation, as_table, split


def estimate_collection(
    inputs: Sequence[str],
    out: str,
    model: dict | None = None,
    column: str | None = None,
    resume: bool = False,
    coco_file: str | None = None,
    concurrency: int | None = None,
    num_cpus: float = 1,
    num_gpus: float = 0,
    part_size: int = 512,
    batch_size: int = 8,
    show_progress: bool = False,
    **kwargs,
) -> Summary:
    """Estimate poses on a collection, with one result for each image.

    It runs on the cluster that Ray is connected to or finds, or else on this machine.
    Writes ``run.json`` and ``poses/*.parquet``, see :func:`poses_schema`. Each file is
    written once all of its images are done, so that whatever dies, its images are done
    again, and written again to the same file.

    Args:
        inputs, column: See :class:`Collection`.
        out (str): Folder that all machines share, or URL of one in an object store.
        model (dict, optional): Arguments of :class:`VLPoseInferencer`.
        resume (bool): Whether to continue an earlier run; otherwise a folder with results
            is refused.
        coco_file (str, optional): File to write in COCO's annotation format, as ``vlpose``
            does.
        concurrency (int, optional): Workers, each with a model; by default as many as the
            cluster has CPUs or GPUs for.
        num_cpus (float): CPUs of a worker.
        num_gpus (float): GPUs of a worker, such as 0.5 for two on each.
        part_size (int): Images in a file of results, rounded up to whole batches.
        batch_size, **kwargs: As in a call of the inferencer.
        show_progress (bool): Whether to show a progress bar on the standard error.

    Returns:
        Summary: What was done; ``failures`` are those of all runs, which are not repeated.

    Raises:
        OSError: If something cannot be read or written, or an object store refuses.
        ValueError: If an argument is wrong, the folder is of another run, images of it
            have other names now, or no machine of the cluster has as many GPUs.
    """
    if part_size < 1 or (concurrency is not None and concurrency < 1) or num_cpus <= 0:
        raise ValueError(
            'The size of a part and the number of workers are at least 1, and a worker has '
            'more than 0 CPUs.'
        )
    collection = Collection(inputs, column)
    if isinstance(kwargs.get('bboxes'), str | os.PathLike):
        kwargs['bboxes'] = BBoxFile(kwargs['bboxes'])
    bboxes = kwargs.get('bboxes')
    kwargs.setdefault('route', 'auto')
    call = dict(batch_size=batch_size, **kwargs)
    inferencer = VLPoseInferencer(**{**(model or {}), 'device': 'cpu'})
    # Only checks the arguments, as nothing asks for results.
    inferencer(np.zeros((64, 64, 3), np.uint8), **call)
    settings = {
        **inferencer.settings,
        **{k: v for k, v in kwargs.items() if v is not None and k != 'num_workers'},
        'inputs': [each if '://' in each else os.path.abspath(each) for each in inputs],
        'column': column,
    }
    settings['inputs'] = [shown_url(each) for each in settings['inputs']]
    if isinstance(bboxes, BBoxFile):
        settings['bboxes'] = bboxes.digest
    elif bboxes is not None:
        settings['bboxes'] = np.asarray(bboxes, float).tolist()
    output = Output(out)
    job = Job(
        {**(model or {}), 'device': None if num_gpus else 'cpu'},
        call,
        settings,
        inferencer.digests,
        Fetcher(collection.systems, collection.byte_columns),
        [each for each in map(os.path.abspath, inputs) if os.path.isdir(each)],
        output,
        poses_schema(*id_types(collection, bboxes)),
    )
    dataset_meta = inferencer.model.dataset_meta
    del inferencer
    connect()
    workers = _count_workers(concurrency, dict(CPU=num_cpus, GPU=num_gpus))
    with _locked(out):
        output.begin(settings, resume)
        done = output.done(collection.images)
        pending = [
            (number, image)
            for number, image in enumerate(collection.images)
            if image.name not in done
        ]
        summary = Summary(out, resumed=len(collection.images) - len(pending))
        summary.skipped = collection.skipped
        parts = split(pending, part_size + -part_size % batch_size) if pending else []
        tables = [as_table([i for _, i in part], part[0][0]) for part in parts]
        if tables:
            resources = dict(num_cpus=num_cpus, num_gpus=num_gpus)
            workers = min(workers, len(tables))
            _run(job, tables, workers, resources, summary, show_progress)
        done = output.images()
        missing = [each.name for each in collection.images if each.name not in done]
        if missing:
            raise ValueError(
                f'{output.shown} has no result of {len(missing)} images, such as '
                f'{missing[0]}, although all are done: name a folder that all machines '
                'share, or an object store.'
            )
        summary.failures = _failures(output)
        if coco_file is not None:
            write_annotations(output, coco_file, dataset_meta)
    return summary


def connect() -> None:
    """Connect to the cluster that Ray finds, or start one on this machine."""
    if not ray.is_initialized():
        ray.init(log_to_driver=False, logging_level=logging.WARNING)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    # It warns of what it was told, such as to have no bars of its own.
    logging.getLogger('ray.data').setLevel(logging.ERROR)


def _count_workers(concurrency: int | None, wanted: dict[str, float]) -> int:
    """Return the number of workers; refuse those that no machine has room for.

    Args:
        concurrency (int, optional): How many are asked for.
        wanted (dict[str, float]): CPUs and GPUs of a worker.
    """
    nodes = [node['Resources'] for node in ray.nodes() if node['Alive']]
    room = [min(node.get(k, 0) // v for k, v in wanted.items() if v) for node in nodes]
    if not any(room):
        asked = ' and '.join(f'{value:g} {kind}' for kind, value in wanted.items() if value)
        found = [
            ', '.join(f'{node.get(kind, 0):g} {kind}' for kind in wanted) for node in nodes
        ]
        raise ValueError(
            f'No machine of the cluster has room for a worker of {asked} (--num-cpus, '
            f'--num-gpus); there are {len(nodes)}: {"; ".join(sorted({*found}))}.'
        )
    return concurrency or int(sum(room))


def _run(
    job: Job,
    tables: list[pa.Table],
    workers: int,
    resources: dict,
    summary: Summary,
    show_progress: bool,
) -> None:
    """Run all parts, and count what was done."""
    rows = (
        ray.data.from_arrow(tables)
        .map_batches(
            PoseEstimation,
            fn_constructor_args=(job,),
            batch_size=None,
            batch_format='pyarrow',
            compute=ray.data.ActorPoolStrategy(
                size=workers,
                # More would wait for a worker that dies.
                max_tasks_in_flight_per_actor=2,
            ),
            **resources,
        )
        .iter_rows()
    )
    console = Console(stderr=True)
    seconds = 0.0
    with Progress(console=console, disable=not show_progress) as progress:
        task = progress.add_task('Inference', total=sum(map(len, tables)))
        for row in rows:
            if row['stop'] is not None:
                raise ValueError(
                    f'{row["stop"]} What is done stays; --resume does the rest.'
                )
            summary.images += row['images'] - row['failed']
            for name in ('instances', 'tuned', 'empty'):
                setattr(summary, name, getattr(summary, name) + row[name])
            seconds += row['seconds']
            progress.advance(task, row['images'])
    rate = sum(map(len, tables)) / seconds
    print_log(f'{workers} workers, each {rate:.1f} images a second.', logger='current')


def _failures(output: Output) -> list[Failure]:
    found = []
    for path in output.parts():
        table = output.read(path, ['image', 'error'])
        found += [Failure(*r.values()) for r in table.drop_null().to_pylist()]
    return found


def id_types(collection: Collection, bboxes: object) -> tuple[pa.DataType, pa.DataType]:
    """Return the types of the ids of images and of the category."""
    ids, category_id = {type(image.image_id) for image in collection.images}, 1
    if isinstance(bboxes, BBoxFile):
        ids, category_id = ids | bboxes.id_types, bboxes.category_id
    types = {True: pa.string(), False: pa.int64()}
    return types[str in ids], types[isinstance(category_id, str)]


@contextlib.contextmanager
def _locked(out: str):
    """Keep two runs from writing into one folder here."""
    if '://' in out:
        yield
        return
    os.makedirs(out, exist_ok=True)
    lock = FolderLock(out)
    try:
        yield
    finally:
        lock.release()
