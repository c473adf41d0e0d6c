"""Results in a folder: COCO's format, drawings, videos, and runs that resume."""

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from xtcocotools.coco import COCO

from tests.test_apis.conftest import set_matrix, write_clip, write_video
from vlpose_mm.apis import to_coco, video_writer, writers
from vlpose_mm.apis.folder_lock import FolderLock
from vlpose_mm.apis.writers import drawing_path


def read(out: Path) -> dict:
    return json.loads((out / 'annotations.json').read_text())


def files_in(folder: Path) -> list[str]:
    return sorted(
        p.relative_to(folder).as_posix() for p in folder.rglob('*') if p.is_file()
    )


@pytest.mark.fast
def test_a_folder_becomes_an_annotation_file_and_drawings(demo, art, tmp_path) -> None:
    folder = art / '2D_virtual_human/sketch'
    summary = demo.save(folder, tmp_path)
    names = sorted(path.name for path in folder.glob('*.jpg'))
    assert [image['file_name'] for image in read(tmp_path)['images']] == names
    assert summary.images == summary.instances == summary.tuned == len(names)
    assert files_in(tmp_path / 'drawings') == names
    assert not (tmp_path / 'failed.txt').exists()
    for line in ('[]', '5', '{"image": {}}', '{"item": 1}', 'text'):
        progress = (tmp_path / 'progress.jsonl').read_text()
        (tmp_path / 'progress.jsonl').write_text(f'{progress}{line}\n')
        match = f'progress.jsonl is damaged in line {len(names) + 2}'
        with pytest.raises(ValueError, match=match):
            demo.save(folder, tmp_path, resume=True)
        (tmp_path / 'progress.jsonl').write_text(progress)


def test_cocos_api_reads_the_file(demo, sketches, tmp_path) -> None:
    demo.save(sketches, tmp_path, draw=False, bboxes=[[5, 5, 90, 120], [0, 0, 50, 60]])
    assert not (tmp_path / 'drawings').exists()
    coco = COCO(str(tmp_path / 'annotations.json'))
    assert coco.getImgIds() == [1, 2] and coco.getAnnIds() == [1, 2, 3, 4]
    instance = coco.loadAnns(1)[0]
    assert instance['bbox'] == [5, 5, 85, 115] and len(instance['keypoints']) == 51
    assert coco.loadCats(1)[0]['keypoints'][0] == 'nose'
    assert coco.loadImgs(1)[0]['category'] == 'sketch'
    results = list(demo(sketches[0], True, bboxes=[[5, 5, 90, 120]]))
    found = results[0]['predictions'][0].pred_instances
    keypoints = np.array(instance['keypoints']).reshape(17, 3)
    assert np.allclose(keypoints[:, :2], found.keypoints[0], atol=0.01)
    assert np.array_equal(keypoints[:, 2] == 2, found.keypoint_scores[0] >= 0.3)
    content = to_coco(results, demo.model.dataset_meta)
    written = read(tmp_path)
    assert json.loads(json.dumps(content['annotations'])) == written['annotations'][:1]
    assert content['categories'] == written['categories']


def test_images_of_an_annotation_file_keep_their_ids(
    demo, art, annotations, tmp_path
) -> None:
    path = next(art.glob('*/mural/0000005*.jpg'))
    demo.save([path, path], tmp_path, bboxes=annotations)
    content = read(tmp_path)
    first, second = (image['id'] for image in content['images'])
    known = {
        each['id']: each for each in json.loads(Path(annotations).read_text())['images']
    }
    assert known[first]['file_name'].endswith(path.name) and second not in known
    assert {record['image_id'] for record in content['annotations']} == {first, second}


def test_a_video_becomes_a_video_of_as_many_frames(demo, image, tmp_path) -> None:
    path = write_video(tmp_path / 'clip.mp4', [image] * 7)
    summary = demo.save(path, tmp_path / 'out', scenario='sketch')
    capture = cv2.VideoCapture(str(tmp_path / 'out/videos/clip.mp4'))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == summary.images == 7
    assert capture.get(cv2.CAP_PROP_FPS) == 12
    images = read(tmp_path / 'out')['images']
    assert [image['frame'] for image in images] == list(range(7))
    times = [image['timestamp'] for image in images]
    assert times == pytest.approx([frame / 12 for frame in range(7)], abs=1e-3)
    assert files_in(tmp_path / 'out/videos') == ['clip.mp4']


def test_a_drawn_video_has_the_times_and_the_audio_of_its_own(
    demo, tmp_path, monkeypatch
) -> None:
    times = [0, 0.04, 0.2, 1.0]
    import av

    logged = []
    monkeypatch.setattr(writers, 'print_log', lambda text, **_: logged.append(text))
    path = write_clip(tmp_path / 'clip.mkv', times)
    demo.save(path, tmp_path / 'out', scenario='sketch')
    images = read(tmp_path / 'out')['images']
    assert [image['timestamp'] for image in images] == pytest.approx(times)
    with av.open(str(tmp_path / 'out/videos/clip.mkv.mp4')) as file:
        assert [frame.time for frame in file.decode(video=0)] == pytest.approx(times)
        assert len(file.streams.audio) == 1
    assert not logged
    for module in (writers, video_writer):
        monkeypatch.setattr(module, 'HAS_AV', False)
    demo.save([path, path], tmp_path / 'even', scenario='sketch')
    with av.open(str(tmp_path / 'even/videos/clip.mkv.mp4')) as file:
        assert len(list(file.decode(video=0))) == 4 and not file.streams.audio
    assert len(logged) == 1 and 'pip install "av>=17.1"' in logged[0]


def test_a_turned_video_is_upright_in_its_drawings(demo, image, tmp_path) -> None:
    path = write_video(tmp_path / 'clip.mp4', [np.rot90(image[:160, :128])] * 2)
    set_matrix(path, (0, 1, -1, 0))
    demo.save(path, tmp_path / 'out', scenario='sketch')
    for record in read(tmp_path / 'out')['images']:
        assert (record['height'], record['width']) == (160, 128)
    _, frame = cv2.VideoCapture(str(tmp_path / 'out/videos/clip.mp4')).read()
    assert frame.shape == (160, 128, 3)
    # The skeleton covers little of it.
    assert np.median(np.abs(frame.astype(int) - image[:160, :128])) < 10


def test_a_video_that_cannot_be_written_fails_alone(demo, image, tmp_path) -> None:
    names = ['a.mp4', 'b.mp4', 'c.jpg']
    for name in names[:2]:
        write_video(tmp_path / name, [image] * 5)
    cv2.imwrite(str(tmp_path / 'c.jpg'), image)
    inputs, out = [tmp_path / name for name in names], tmp_path / 'out'
    # Nothing can take this name.
    (out / 'videos/.a.mp4.tmp.mp4').mkdir(parents=True)
    summary = demo.save(inputs, out, batch_size=2)
    (failure,) = summary.failures
    assert failure.name == 'a.mp4' and 'Cannot write the video' in failure.reason
    assert 'look at the folder and the disk' in failure.reason
    assert summary.images == len(read(out)['images']) == 11
    assert files_in(out / 'videos') == ['b.mp4'] and files_in(out / 'drawings') == ['c.jpg']
    (out / 'videos/.a.mp4.tmp.mp4').rmdir()
    summary = demo.save(inputs, out, resume=True)
    assert (summary.resumed, summary.images, summary.failures) == (6, 5, [])
    assert files_in(out / 'videos') == ['a.mp4', 'b.mp4']


def test_failures_are_listed_and_retried(demo, sketches, image, tmp_path) -> None:
    late, odd = tmp_path / 'late.jpg', os.fsencode(tmp_path) + b'/a\nb\xff.jpg'
    for path in (late, odd):
        open(path, 'wb').close()
    nan = dict(image=image, bboxes=[[np.nan] * 4])
    inputs = [late, nan, os.fsdecode(odd), sketches[0]]
    summary = demo.save(inputs, tmp_path / 'out')
    assert summary.images == len(read(tmp_path / 'out')['images']) == 1
    lines = (tmp_path / 'out/failed.txt').read_text().splitlines()
    reasons = ['late.jpg is empty', 'no bbox is left', 'a\\nb\\udcff.jpg\t']
    for line, failure, reason in zip(lines, summary.failures, reasons, strict=True):
        assert line == f'{failure.name}\t{failure.reason}' and reason in line
    late.write_bytes(Path(sketches[1]).read_bytes())
    Path(os.fsdecode(odd)).write_bytes(late.read_bytes())
    nan['bboxes'] = [[5, 5, 90, 120]]
    summary = demo.save(inputs, tmp_path / 'out', resume=True)
    assert (summary.resumed, summary.images, summary.failures) == (1, 3, [])
    assert not (tmp_path / 'out/failed.txt').exists()


class Stopped(Exception):
    """The run is interrupted."""


def stop_after(count: int):
    """Return a callback that interrupts a run at its ``count``-th image."""
    seen = []

    def callback(result: dict) -> None:
        seen.append(result['name'])
        if len(seen) == count:
            raise Stopped

    return callback


def test_an_interrupted_run_is_resumed(demo, art, tmp_path) -> None:
    inputs, out = sorted(art.glob('2D_virtual_human/*/*.jpg'))[:5], tmp_path / 'out'
    demo.save(inputs, tmp_path / 'whole')
    with pytest.raises(Stopped):
        demo.save(inputs, out, callback=stop_after(3))
    assert len(read(out)['images']) == 3
    summary = demo.save(inputs, out, resume=True)
    assert (summary.resumed, summary.images) == (3, 2)
    assert files_in(out) == files_in(tmp_path / 'whole')
    ours, theirs = read(out), read(tmp_path / 'whole')
    assert ours['images'] == theirs['images']
    for one, other in zip(ours['annotations'], theirs['annotations'], strict=True):
        assert np.allclose(one['keypoints'], other['keypoints'], atol=0.05)


def test_a_run_that_is_resumed_removes_what_a_killed_one_was_writing(
    demo, sketches, tmp_path
) -> None:
    demo.save(sketches[0], tmp_path)
    own = ['drawings/.notes.tmp', 'drawings/.1.jpg.0123abcd.tmp.txt']
    # Somebody else may be writing these.
    (tmp_path / 'training').mkdir()
    own += ['training/.epoch_1.pth.0123abcd.tmp', '.notes.txt.0123abcd.tmp']
    for name in (*own, '.annotations.json.01234567.tmp', 'drawings/.1.jpg.89abcdef.tmp'):
        (tmp_path / name).touch()
    before = files_in(tmp_path)
    demo.save(sketches[0], tmp_path, resume=True)
    assert {*before} - {*files_in(tmp_path)} == {
        '.annotations.json.01234567.tmp',
        'drawings/.1.jpg.89abcdef.tmp',
    }


def test_an_interrupted_video_is_done_again(demo, image, tmp_path) -> None:
    path, out = write_video(tmp_path / 'clip.mp4', [image] * 5), tmp_path / 'out'
    with pytest.raises(Stopped):
        demo.save(path, out, batch_size=1, callback=stop_after(2))
    assert files_in(out / 'videos') == []
    summary = demo.save(path, out, resume=True)
    assert (summary.resumed, summary.images) == (0, 5)
    assert [image['frame'] for image in read(out)['images']] == [0, 1, 2, 3, 4]
    assert demo.save(path, out, resume=True).resumed == 5


def test_a_video_that_breaks_off_is_done_again_when_it_is_whole(
    demo, image, tmp_path
) -> None:
    whole = write_video(tmp_path / 'whole.avi', [image] * 24).read_bytes()
    path, out = tmp_path / 'clip.avi', tmp_path / 'out'
    path.write_bytes(whole[: len(whole) // 2])
    summary = demo.save(path, out, scenario='sketch')
    assert 0 < summary.images < 24 and len(summary.failures) == 1
    path.write_bytes(whole)
    summary = demo.save(path, out, scenario='sketch', resume=True)
    assert summary.images == len(read(out)['images']) == 24 and not summary.failures


def test_changed_images_and_cut_off_lines_are_done_again(demo, sketches, tmp_path) -> None:
    path, out = tmp_path / 'a.jpg', tmp_path / 'out'
    path.write_bytes(Path(sketches[0]).read_bytes())
    inputs = [sketches[0], path]
    demo.save(inputs, out)
    path.write_bytes(Path(sketches[1]).read_bytes())
    assert demo.save(inputs, out, resume=True).images == 1
    inputs[1] = dict(image=path, scenario='mural')
    assert demo.save(inputs, out, resume=True).images == 1
    assert read(out)['images'][1]['category'] == 'mural'
    progress = out / 'progress.jsonl'
    progress.write_bytes(progress.read_bytes()[:-40])
    summary = demo.save(inputs, out, resume=True)
    assert (summary.resumed, summary.images) == (1, 1)
    assert len(read(out)['images']) == 2


def test_results_of_another_run_are_kept(demo, sketches, tmp_path) -> None:
    for folder, source in zip(('x', 'y'), sketches, strict=True):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / '1.jpg').write_bytes(Path(source).read_bytes())
    x, y, out = tmp_path / 'x', tmp_path / 'y', tmp_path / 'out'
    demo.save(x, out, scenario='mural')
    before = files_in(out)
    for inputs, options, message in (
        (x, dict(), 'holds the results of another run; continue it'),
        (x, dict(resume=True), "made with scenario='mural', not None"),
        (x, dict(resume=True, scenario='ukiyoe'), "scenario='mural', not 'ukiyoe'"),
        (
            x,
            dict(resume=True, scenario='mural', text_reading='literal'),
            "made with text_reading='known', not 'literal'",
        ),
        (y, dict(resume=True, scenario='mural'), 'results of another 1.jpg, .*/x/1.jpg'),
    ):
        with pytest.raises(ValueError, match=message):
            demo.save(inputs, out, **options)
    assert files_in(out) == before
    summary = demo.save([x, y], out, scenario='mural', resume=True)
    assert (summary.resumed, summary.images) == (1, 1)


def test_the_results_may_be_in_the_folder_of_the_images(demo, image, tmp_path) -> None:
    names = ['a.jpg', 'a.jpg.jpg', 'a.bmp', 'a.bmp.jpg', f'{"long" * 50}.webp']
    for name in names:
        cv2.imwrite(str(tmp_path / name), image)
    for out in (tmp_path, tmp_path / 'out'):
        assert demo.save(tmp_path, out).images == len(names)
        # No two are drawn to the same file, and drawings are not inputs.
        assert len(files_in(out / 'drawings')) == len(names)
        assert demo.save(tmp_path, out, resume=True).images == 0
        for path in (out / 'drawings').iterdir():
            path.unlink()


@pytest.mark.fast
@pytest.mark.parametrize(
    'name, expected',
    [
        ('sketch/a.jpg', 'out/sketch/a.jpg'),
        ('a.tiff', 'out/a.tiff.jpg'),
        ('../../etc/passwd', 'out/etc/passwd.jpg'),
        ('/etc/a.png', 'out/etc/a.png'),
        ('https://museum.example/a/b.jpg?size=1', 'out/museum.example/a/b.jpg_size=1.jpg'),
        ('http://museum.example/a.png?n=1/2#top', 'out/museum.example/a.png_n=1_2.jpg'),
        ('http://[::1', 'out/[::1.jpg'),
        ('..', 'out/image.jpg'),
    ],
)
def test_drawings_stay_in_their_folder(name: str, expected: str) -> None:
    assert drawing_path(name, 'out') == expected


def test_two_runs_do_not_write_into_one_folder(demo, sketches, tmp_path) -> None:
    lock = FolderLock(str(tmp_path))
    with pytest.raises(ValueError, match=f'being written to by process {os.getpid()} on'):
        demo.save(sketches[0], tmp_path)
    lock.release()
    assert files_in(tmp_path) == []
    with pytest.raises(ValueError, match='name another folder'):
        demo.save(sketches[0], tmp_path)
        demo.save(sketches[0], tmp_path)  # neither resumed nor new
    assert demo.save(sketches, tmp_path, resume=True).images == len(sketches) - 1
    assert not [name for name in files_in(tmp_path) if name.startswith('.')]
