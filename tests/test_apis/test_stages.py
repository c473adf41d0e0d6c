"""Workers: the same results in the same order, whatever fails or dies."""

import json
import multiprocessing
import os
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tests.test_apis.conftest import write_video
from tests.test_apis.detector_weights import write_weights
from vlpose_mm import VLPoseInferencer
from vlpose_mm.apis import stages
from vlpose_mm.apis.batches import Prepared, run_in_batches
from vlpose_mm.apis.call import check_call
from vlpose_mm.apis.inputs import Source
from vlpose_mm.apis.workers import pack, unpack


@pytest.fixture(autouse=True)
def one_thread():
    """Compute as a worker does."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def inputs(art: Path, image: np.ndarray, tmp_path: Path) -> list:
    """Files of several sizes, an array and a video; two of them fail."""
    paths = sorted(art.glob('2D_virtual_human/*/*.jpg'))[:6]
    broken = tmp_path / 'broken.jpg'
    broken.write_bytes(paths[0].read_bytes()[:1000])
    clip = write_video(tmp_path / 'clip.mp4', [image] * 3)
    other = dict(image=paths[0], bboxes=[[5, 5, 90, 120], [0, 0, 50, 60]])
    return [*paths[:2], broken, image, clip, *paths[2:], other, tmp_path / 'none.jpg']


def collect(inferencer, inputs, **kwargs) -> tuple[list, list]:
    """Return the numbers of each result, and the failures."""
    failures = []
    kwargs['on_error'] = lambda source, error: failures.append((source.name, str(error)))
    results = []
    for result in inferencer(inputs, True, **kwargs):
        (sample,) = result['predictions']
        found = sample.pred_instances
        numbers = [found.keypoints, found.keypoint_scores, found.bboxes, found.bbox_scores]
        names = ('name', 'scenario', 'text_prompt', 'route', 'frame')
        results.append(([result[name] for name in names], numbers))
    return results, failures


def assert_equal(found: tuple[list, list], expected: tuple[list, list]) -> None:
    """Compare to the last bit."""
    assert [names for names, _ in found[0]] == [names for names, _ in expected[0]]
    for (_, ours), (_, theirs) in zip(found[0], expected[0], strict=True):
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one, other)
    assert found[1] == expected[1]


@pytest.mark.parametrize('num_workers', [1, 2])
@pytest.mark.parametrize('return_vis', [False, True])
def test_results_and_failures_are_those_of_one_process(
    demo, inputs, num_workers, return_vis
) -> None:
    # What is shown is made here, and workers read and crop; else they do it all.
    expected = collect(demo, inputs, batch_size=3)
    assert len(expected[0]) == 11 and len(expected[1]) == 2
    assert_equal(
        collect(demo, inputs, batch_size=3, num_workers=num_workers, return_vis=return_vis),
        expected,
    )


def test_workers_that_cannot_be_forked_import_and_crop(demo, inputs, monkeypatch) -> None:
    expected = collect(demo, inputs, batch_size=3)
    monkeypatch.setattr('vlpose_mm.apis.workers.can_fork', lambda: False)
    monkeypatch.setattr(stages, 'can_fork', lambda: False)
    assert_equal(collect(demo, inputs, batch_size=3, num_workers=1), expected)


def test_a_detector_finds_the_same_with_workers(tmp_path, inputs) -> None:
    weights = write_weights(tmp_path, bias=2.5)
    inferencer = VLPoseInferencer(
        'mini-drawn', device='cpu', det_model='rtmdet-nano', det_weights=weights
    )
    del inputs[4]
    options = dict(batch_size=4, bbox_thr=0.0, nms_thr=0.1)
    expected = collect(inferencer, inputs, **options)
    assert sum(len(numbers[2]) for _, numbers in expected[0]) > len(expected[0])
    for return_vis in (False, True):
        found = collect(inferencer, inputs, num_workers=2, return_vis=return_vis, **options)
        assert_equal(found, expected)


def test_a_folder_is_written_as_by_one_process(demo, inputs, tmp_path) -> None:
    alone, together = tmp_path / 'alone', tmp_path / 'together'
    for out, num_workers in ((alone, 0), (together, 2)):
        summary = demo.save(inputs, out, batch_size=2, num_workers=num_workers)
        assert (summary.images, len(summary.failures)) == (11, 2)
    files = [path.relative_to(alone) for path in sorted(alone.rglob('*.*'))]
    assert len([path for path in files if path.parts[0] == 'drawings']) == 8
    for path in files:
        if (alone / path).is_file() and path.suffix != '.mp4':
            assert (alone / path).read_bytes() == (together / path).read_bytes(), path


@pytest.mark.parametrize('dtype', [torch.uint8, torch.float32])
def test_crops_of_any_type_come_from_a_worker(demo, image, monkeypatch, dtype) -> None:
    preparer = demo._predictor.preparer
    pipeline = preparer.pipeline

    def cast(results: dict) -> dict:
        packed = pipeline(results)
        return {**packed, 'inputs': (packed['inputs'] / 2).to(dtype)}

    monkeypatch.setattr(preparer, 'pipeline', cast)
    call = check_call(demo._text_check, image)
    sources = [*call.items[0].sources()]
    packet = stages.prepare_unit(preparer, call, True, sources)
    ((source, found),) = stages.unpack_unit(packet, sources, True)
    expected = preparer.prepare(sources[0], call)
    assert source is sources[0] and np.array_equal(found.image, image)
    torch.testing.assert_close(
        found.packed[0]['inputs'], expected.packed[0]['inputs'], rtol=0, atol=0
    )


def test_arrays_come_also_where_shared_memory_is_short(monkeypatch) -> None:
    arrays = [np.full((2, 3), 7, np.uint8), np.zeros((4, 1, 3), np.uint8)]
    for many, is_shared in ((1, True), (10**15, False)):
        monkeypatch.setattr('vlpose_mm.apis.workers.MANY', many)
        packet = pack(dict(a=1), arrays)
        assert (packet.bulk is not None) == is_shared
        content, found = unpack(packet)
        assert content == dict(a=1)
        for one, other in zip(found, arrays, strict=True):
            np.testing.assert_array_equal(one, other, strict=True)
    assert unpack(pack('none')) == ('none', [])


def test_workers_compute_in_the_precision_of_the_call(demo, sketches) -> None:
    with torch.autocast('cpu', torch.bfloat16):
        half = [collect(demo, sketches, num_workers=number) for number in (0, 2)]
    assert_equal(*half)
    with pytest.raises(AssertionError):
        assert_equal(collect(demo, sketches, num_workers=2), half[0])


def test_single_images_between_videos_take_no_workers(
    demo, image, tmp_path, monkeypatch
) -> None:
    clip = write_video(tmp_path / 'clip.mp4', [image] * 2)
    live_photos = [image, clip] * 2
    expected = collect(demo, live_photos)
    monkeypatch.setattr(stages, 'run_in_workers', None)
    assert_equal(collect(demo, live_photos, num_workers=2), expected)


def test_an_error_ends_a_call_after_the_results_before_it(demo, inputs) -> None:
    for num_workers in (0, 1):
        results = demo(inputs, batch_size=8, num_workers=num_workers)
        assert [next(results)['name'] for _ in range(2)]
        with pytest.raises(OSError, match='broken or truncated'):
            next(results)
    assert not multiprocessing.active_children()


def test_a_worker_leaves_videos_alone_that_are_not_read_to_their_end(
    demo, inputs, image, tmp_path
) -> None:
    clip = write_video(tmp_path / 'long.mp4', [image] * 9)
    for _ in range(3):
        # In a circle, so that whoever collects garbage next ends it.
        circle = [demo(clip, route='original')]
        next(circle[0])
        circle.append(circle)
        del circle
    found = collect(demo, inputs[:2] * 9, num_workers=2)
    assert_equal(found, collect(demo, inputs[:2] * 9))


def test_a_worker_that_dies_ends_a_run_that_can_be_resumed(demo, art, tmp_path) -> None:
    inputs = sorted(art.glob('*/*/*.jpg'))[:24]

    def kill(result: dict) -> None:
        for process in multiprocessing.active_children():
            os.kill(process.pid, signal.SIGKILL)

    with pytest.raises(ChildProcessError, match='A worker process died.*resume with fewer'):
        demo.save(inputs, tmp_path, batch_size=2, num_workers=2, callback=kill)
    summary = demo.save(inputs, tmp_path, batch_size=2, num_workers=2, resume=True)
    assert 0 < summary.resumed < 24 and summary.resumed + summary.images == 24
    names = [
        image['file_name']
        for image in json.loads((tmp_path / 'annotations.json').read_text())['images']
    ]
    assert len({*names}) == len(names) == 24


def test_an_interrupt_ends_the_workers_and_keeps_what_is_done(demo, art, tmp_path) -> None:
    inputs, seen = sorted(art.glob('*/*/*.jpg'))[:12], []

    def interrupt(result: dict) -> None:
        seen.append(result['name'])
        if len(seen) == 3:
            raise KeyboardInterrupt

    options = dict(batch_size=2, num_workers=2)
    with pytest.raises(KeyboardInterrupt):
        demo.save(inputs, tmp_path, callback=interrupt, **options)
    assert not multiprocessing.active_children()
    summary = demo.save(inputs, tmp_path, resume=True, **options)
    assert (summary.resumed, summary.images) == (3, 9)


def test_what_cannot_be_written_in_a_worker_ends_the_run(demo, sketches, tmp_path) -> None:
    (tmp_path / 'drawings').write_text('in the way')
    with pytest.raises(OSError):
        demo.save(sketches, tmp_path, num_workers=1)


def test_large_images_do_not_wait_for_a_full_batch(monkeypatch) -> None:
    monkeypatch.setattr('vlpose_mm.apis.batches.MAX_WAITING_PIXELS', 100)
    sizes, batches = [5, 8, 11, 5, 5, 5, 5], []
    stream = []
    for size in sizes:
        source = Source(str(size), '', {}, None)
        stream.append((source, Prepared(source, None, (size, size), {})))

    def predict(batch: list[Prepared]):
        batches.append([each.shape[0] for each in batch])
        return lambda: [[] for _ in batch]

    done = list(run_in_batches(stream, predict, 3))
    assert batches == [[5, 8, 11], [5, 5, 5], [5]] and len(done) == 7
    batches.clear()
    list(run_in_batches(stream, predict, 6))
    assert batches == [[5, 8, 11], [5, 5, 5], [5]]


def test_a_batch_is_begun_before_the_one_before_is_finished() -> None:
    source = Source('', '', {}, None)
    prepared, events = Prepared(source, None, (9, 9), {}), []

    def predict(batch: list[Prepared]):
        number = len(events)
        events.append(('begin', number))
        return lambda: events.append(('end', number)) or [[] for _ in batch]

    list(run_in_batches([(source, prepared)] * 3, predict, 1, is_ahead=True))
    assert events == [
        ('begin', 0), ('begin', 1), ('end', 0), ('begin', 3), ('end', 1), ('end', 3)
    ]  # fmt: skip


@pytest.mark.fast
@pytest.mark.parametrize('num_workers', [-1, 1.5, '2'])
def test_a_number_of_workers_is_refused(demo, sketches, num_workers) -> None:
    with pytest.raises(ValueError, match='num_workers must be at least 0'):
        demo(sketches, num_workers=num_workers)


@pytest.mark.fast
def test_few_images_take_no_workers(monkeypatch) -> None:
    monkeypatch.setattr(stages, 'available_cpus', lambda: 4)
    monkeypatch.setattr(stages, 'can_fork', lambda: True)
    counts = [stages.default_num_workers(n, on_gpu=False) for n in (1, 16, 32, 10**6)]
    assert counts == [0, 0, 2, 4]
    counts = [stages.default_num_workers(n, on_gpu=True) for n in (1, 1024, 10**6)]
    assert counts == [0, 2, 3]


def test_images_are_readable_in_a_worker_that_has_their_arrays(demo, image) -> None:
    inputs = [image, cv2.flip(image, 1), image[..., 0]]
    expected = collect(demo, inputs, scenario='sketch')
    assert_equal(collect(demo, inputs, scenario='sketch', num_workers=1), expected)
