"""What a worker writes: rows that hold what the inferencer returned, and failures."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.test_ray.object_store import serve
from vlpose_mm.ray import fetching
from vlpose_mm.ray.coco import write_annotations
from vlpose_mm.ray.collection import Collection
from vlpose_mm.ray.fetching import Fetcher
from vlpose_mm.ray.output import Output, poses_schema
from vlpose_mm.ray.worker import Job, PoseEstimation, as_table, split


@pytest.fixture
def work(demo, tmp_path) -> Callable:
    """Let a worker here do all images of some inputs; return its row and its poses."""

    def run(
        *inputs: object, out: str = 'out', call: dict | None = None, **changes
    ) -> tuple:
        collection = Collection([*map(str, inputs)])
        output = Output(str(tmp_path / out))
        output.begin({}, resume=False)
        job = Job(
            model=dict(pose2d='mini-drawn', device='cpu'),
            call=dict(batch_size=8, **(call or {})),
            settings={},
            digests=demo.digests,
            fetcher=Fetcher(collection.systems, collection.byte_columns),
            folders=[],
            output=output,
            schema=poses_schema(pa.int64(), pa.int64()),
        )
        worker = PoseEstimation(job._replace(**changes))
        if not changes:
            # As after the first call.
            worker._inferencer = demo
        (row,) = worker(as_table(collection.images, 0)).to_pylist()
        return row, [
            pose for part in output.parts() for pose in output.read(part).to_pylist()
        ]

    return run


@pytest.fixture
def listed(tmp_path) -> Callable:
    """Write a list of images."""

    def write(lines: Sequence[object], name: str = 'list.txt') -> Path:
        (tmp_path / name).write_text('\n'.join(map(str, lines)))
        return tmp_path / name

    return write


@pytest.mark.fast
def test_rows_hold_the_numbers_of_the_inferencer_bit_by_bit(
    work, demo, paths, listed
) -> None:
    bboxes = [[0, 0, 80, 100], [10, 10, 90, 120]]
    row, poses = work(listed(paths), call=dict(bboxes=bboxes))
    assert (row['images'], row['instances'], row['stop']) == (12, 24, None)
    expected = list(demo(paths, True, batch_size=8, bboxes=bboxes))
    rows = iter(poses)
    for result in expected:
        found = result['predictions'][0].pred_instances
        for number in range(2):
            row = next(rows)
            assert (row['image'], row['instance']) == (result['name'], number)
            for column, values in (
                ('bbox', found.bboxes),
                ('keypoints', found.keypoints),
                ('keypoint_scores', found.keypoint_scores),
            ):
                assert np.array_equal(np.asarray(row[column], values.dtype), values[number])
            for key in ('scenario', 'route', 'text_prompt'):
                assert row[key] == result[key]
    assert [row['place'] for row in poses[::2]] == paths
    assert {(row['model'], row['weights'], row['adapter']) for row in poses} == {
        ('mini-drawn', *demo.digests)
    }


def test_the_coco_file_is_that_of_vlpose(work, demo, listed, paths, tmp_path) -> None:
    words = 'a fresco on the wall of a church'
    work(listed(paths), call=dict(text_prompt=words))
    written = tmp_path / 'found.json'
    write_annotations(Output(str(tmp_path / 'out')), str(written), demo.model.dataset_meta)
    demo.save(paths, tmp_path / 'vlpose', False, text_prompt=words, batch_size=8)
    assert written.read_bytes() == (tmp_path / 'vlpose/annotations.json').read_bytes()
    assert '"read_as"' in written.read_text()


def test_images_that_fail_have_a_row_with_the_reason(
    work, listed, sketches, tmp_path
) -> None:
    (tmp_path / 'broken.jpg').write_bytes(b'no image')
    (tmp_path / 'film.jpg').write_bytes(b'\0\0\0\x18ftypmp42')
    lines = ['broken.jpg', 'film.jpg', 'gone.jpg']
    lines = [sketches[0], *(tmp_path / name for name in lines), sketches[1]]
    row, poses = work(listed(lines), call=dict(bboxes=np.zeros((0, 4))))
    assert (row['images'], row['failed'], row['empty']) == (5, 3, 2)
    assert [row['instance'] for row in poses] == [None] * 5
    reasons = ['', 'is not a readable image', 'it is a video', 'gone.jpg', '']
    for row, reason in zip(poses, reasons, strict=True):
        assert (row['width'] is None) == bool(row['error']) == bool(reason)
        assert reason in (row['error'] or '')


@pytest.mark.parametrize('line', ['films/film.mp4', 'films', 'films/*.jpg'])
def test_a_video_a_folder_or_a_glob_as_a_line_of_a_list_fails_alone(
    line, work, listed, sketches, tmp_path
) -> None:
    (tmp_path / 'films').mkdir()
    (tmp_path / 'films/film.mp4').touch()
    for name in ('a.jpg', 'b.jpg'):
        (tmp_path / 'films' / name).write_bytes(Path(sketches[0]).read_bytes())
    lines = [sketches[0], tmp_path / line, sketches[1]]
    row, poses = work(listed(lines), call=dict(bboxes=np.zeros((0, 4))))
    assert (row['stop'], row['failed'], row['empty']) == (None, 1, 2)
    reason = f'There is no file {tmp_path / line}.'
    if line.endswith('.mp4'):
        reason = 'it is a video; vlpose takes videos.'
    assert [pose['error'] for pose in poses] == [None, reason, None]


def test_rows_of_a_table_come_in_the_order_of_the_images_and_no_more_are_read(
    tmp_path, monkeypatch
) -> None:
    table, read = tmp_path / 'scans.parquet', []
    parquet.write_table(pa.table(dict(bytes=[b'%d' % row for row in range(99)])), table)
    iter_batches = parquet.ParquetFile.iter_batches

    def count(*args) -> Iterator[pa.RecordBatch]:
        for batch in iter_batches(*args):
            read.append(len(batch))
            yield batch

    monkeypatch.setattr(parquet.ParquetFile, 'iter_batches', count)
    monkeypatch.setattr(fetching, 'ROWS', 4)
    collection = Collection([str(table)])
    images = [collection.images[row] for row in (6, 1, 6, 0)]
    fetcher = Fetcher(collection.systems, collection.byte_columns)
    for _, fetched in fetcher.run([images]):
        assert [Path(place).read_bytes() for place, _ in fetched] == [
            *map(str.encode, '6160')
        ]
    assert read == [4, 4]


def test_bytes_of_tables_and_objects_give_what_files_give(
    work, listed, paths, tmp_path
) -> None:
    content = [Path(path).read_bytes() for path in paths]
    columns = dict(bytes=[*content, None], image_id=[*range(5, 18)])
    table = tmp_path / 'scans.parquet'
    parquet.write_table(pa.table(columns), table, row_group_size=5)
    row, rows = work(table, out='rows', call=dict(scenario='mural'))
    assert row['failed'] == 1 and 'is empty' in rows.pop()['error']
    assert [row['image_id'] for row in rows] == [*range(5, 17)]

    # The folders name the scenarios.
    stored = {f'museum{path}': each for path, each in zip(paths, content, strict=True)}
    with serve(stored) as options:
        urls = [
            f's3://user:secret@museum{path}?{options}' for path in (*paths, '/gone.jpg')
        ]
        _, objects = work(listed(urls, 'urls.txt'), out='objects')
    assert objects.pop()['error'] == 'There is no museum/gone.jpg any more.'
    _, files = work(listed(paths), out='files')
    assert len({row['scenario'] for row in files}) > 1
    for one, other in zip(files, objects, strict=True):
        assert all(one[key] == other[key] for key in ('keypoints', 'scenario', 'route'))
    _, files = work(listed(paths), out='murals', call=dict(scenario='mural'))
    assert [row['keypoints'] for row in files] == [row['keypoints'] for row in rows]


@pytest.mark.parametrize(
    ('changes', 'reason'),
    [
        (dict(settings=dict(model='other')), 'has no run.json of this run here; name a'),
        (dict(digests=('0', None)), 'mini-drawn has other weights here than where'),
        (dict(folders=['/gone']), 'There is no folder /gone here; name one that all'),
    ],
)
def test_a_machine_without_the_files_of_the_others_stops_the_run(
    changes, reason, work, listed, sketches
) -> None:
    row, poses = work(listed(sketches), **changes)
    assert reason in row['stop'] and poses == []


def test_an_object_store_that_refuses_stops_the_run(work, listed) -> None:
    with serve({}) as options:
        row, poses = work(listed([f's3://user:secret@closed/1.jpg?{options}']))
    assert row['stop'].startswith('closed/1.jpg: ') and poses == []
    assert 'ACCESS_DENIED' in row['stop']


def test_a_short_last_group_joins_the_one_before_it() -> None:
    assert [len(group) for group in split(range(40), 16)] == [16, 16, 8]
    assert [len(group) for group in split(range(39), 16)] == [16, 23]
    assert [len(group) for group in split(range(3), 16)] == [3]
