"""A collection on a cluster, which loses a machine, and runs that continue."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.test_ray.conftest import NODE, files_in
from vlpose_mm.apis import BBoxFile
from vlpose_mm.ray import estimate_collection, run
from vlpose_mm.ray.collection import Collection
from vlpose_mm.ray.output import Output
from vlpose_mm.tools.batch import main

MODEL = dict(pose2d='mini-drawn')


@pytest.fixture
def listed(paths, tmp_path) -> Path:
    """A list with every image five times."""
    path = tmp_path / 'list.txt'
    path.write_text('\n'.join(paths * 5))
    return path


def test_every_image_has_one_result_after_a_machine_dies_and_a_run_resumes(
    cluster, demo, listed, paths, tmp_path, capsys
) -> None:
    out, coco = tmp_path / 'out', tmp_path / 'found.json'

    def kill() -> None:
        # Both work by then.
        while not (out / 'poses').is_dir() or len(files_in(out)) < 2:
            time.sleep(0.05)
        cluster.remove_node(cluster.worker_nodes.copy().pop(), allow_graceful=False)

    with ThreadPoolExecutor() as pool:
        killed = pool.submit(kill)
        args = ([str(listed)], str(out), MODEL)
        summary = estimate_collection(*args, part_size=8, coco_file=str(coco))
        killed.result()
    cluster.add_node(**NODE)
    assert (summary.images, summary.failures) == (60, [])
    images = [*Output(str(out)).images()]
    assert len(images) == len({*images}) == 60
    demo.save(paths * 5, tmp_path / 'vlpose', draw=False, batch_size=8)
    expected = (tmp_path / 'vlpose/annotations.json').read_text()
    assert coco.read_text() == expected

    # As if it had been killed while it wrote the third file.
    third = out / 'poses' / files_in(out)[2]
    content = third.read_bytes()
    third.unlink()
    unfinished = third.with_name(f'.{third.name}.01234567.tmp')
    unfinished.write_bytes(content[:100])
    options = ['--model', 'mini-drawn', '--part-size', '8', '--coco', str(coco)]
    assert main([str(listed), '--out', str(out), *options, '--resume']) == 0
    *_, first, second, _ = capsys.readouterr().out.splitlines()
    assert first.startswith('8 images with 8 instances: ')
    assert second == '52 images had been done before.'
    assert third.read_bytes() == content and not unfinished.exists()
    assert coco.read_text() == expected

    # The names are relative to another folder then.
    listed.write_text(f'{listed.read_text()}\n/gone.jpg')
    with pytest.raises(ValueError, match='in these inputs, .*; name another folder'):
        estimate_collection(*args, part_size=8, resume=True)


def test_a_folder_of_another_run_is_refused(cluster, sketches, tmp_path) -> None:
    output = Output(str(tmp_path))
    output.begin(dict(model='mini-drawn', weights='0'), resume=False)

    def refusal(**kwargs) -> str:
        with pytest.raises(ValueError) as error:
            estimate_collection(sketches, str(tmp_path), MODEL, **kwargs)
        return str(error.value)

    assert refusal().endswith(
        'another run; continue it (--resume, resume=True), or name another folder.'
    )
    assert "was made with weights='0', not" in refusal(resume=True)


def test_ids_are_text_if_those_of_a_table_or_of_the_bboxes_are(tmp_path) -> None:
    table, bboxes = tmp_path / 'scans.parquet', tmp_path / 'bboxes.json'
    for image_id, number in (('x', 1), (1, 'x')):
        parquet.write_table(pa.table(dict(path=['a.jpg'], image_id=[image_id])), table)
        record = dict(image_id=number, category_id=1, bbox=[0, 0, 9, 9], score=1)
        bboxes.write_text(json.dumps([record]))
        collection = Collection([str(table)])
        types = run.id_types(collection, BBoxFile(str(bboxes)))
        assert types == (pa.string(), pa.int64())
        assert run.id_types(collection, None)[0] == pa.array([image_id]).type


@pytest.mark.parametrize(
    ('kwargs', 'error'),
    [
        (
            dict(num_gpus=1),
            'No machine of the cluster has room for a worker of 1 CPU and 1 GPU '
            r'\(--num-cpus, --num-gpus\); there are 2: 1 CPU, 0 GPU\.',
        ),
        (dict(num_cpus=2), 'has room for a worker of 2 CPU '),
        (dict(part_size=0), 'The size of a part and the number of workers are at least 1'),
        (dict(scenario='murall'), "did you mean 'mural'"),
    ],
)
def test_what_cannot_run_is_refused_before_anything_is_written(
    kwargs, error, cluster, sketches, tmp_path
) -> None:
    with pytest.raises(ValueError, match=error):
        estimate_collection(sketches, str(tmp_path / 'out'), MODEL, **kwargs)
    assert not (tmp_path / 'out').exists()
