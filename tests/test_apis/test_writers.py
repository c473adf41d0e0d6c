"""Results in a folder: COCO's format, drawings, videos, and going on after a stop."""

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from xtcocotools.coco import COCO

from tests.test_apis.conftest import write_video
from vlpose_mm.apis.writers import drawing_path


def read(out: Path) -> dict:
    return json.loads((out / 'annotations.json').read_text())


def files_in(folder: Path) -> list[str]:
    return sorted(
        p.relative_to(folder).as_posix() for p in folder.rglob('*') if p.is_file()
    )


def test_a_folder_becomes_an_annotation_file_and_drawings(demo, art, tmp_path) -> None:
    folder = art / '2D_virtual_human'
    summary = demo(folder).save(tmp_path)
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob('*.jpg'))
    content = read(tmp_path)
    assert [image['file_name'] for image in content['images']] == names
    assert summary.images == summary.people == summary.tuned == len(names)
    assert files_in(tmp_path / 'drawings') == names
    assert not (tmp_path / 'failed.txt').exists()


def test_cocos_tools_read_the_file(demo, sketches, tmp_path) -> None:
    demo(sketches, boxes=[[5, 5, 90, 120], [0, 0, 50, 60]]).save(tmp_path)
    coco = COCO(str(tmp_path / 'annotations.json'))
    assert coco.getImgIds() == [1, 2] and coco.getAnnIds() == [1, 2, 3, 4]
    person = coco.loadAnns(1)[0]
    assert person['bbox'] == [5, 5, 85, 115] and len(person['keypoints']) == 51
    assert coco.loadCats(1)[0]['keypoints'][0] == 'nose'
    assert coco.loadImgs(1)[0]['category'] == 'sketch'
    (first, _) = demo(sketches, boxes=[[5, 5, 90, 120]])
    keypoints = np.array(person['keypoints']).reshape(17, 3)
    assert np.allclose(keypoints[:, :2], first.keypoints[0], atol=0.01)
    assert np.array_equal(keypoints[:, 2] == 2, first.scores[0] >= 0.3)


def test_a_single_result_becomes_the_same_file(demo, sketches, tmp_path) -> None:
    (result,) = demo(sketches[:1])
    result.save(tmp_path / 'one.json')
    demo(sketches[:1]).save(tmp_path / 'all', drawings=False)
    assert json.loads((tmp_path / 'one.json').read_text()) == read(tmp_path / 'all')
    assert not (tmp_path / 'all/drawings').exists()


def test_images_of_an_annotation_file_keep_their_numbers(
    demo, art, annotations, tmp_path
) -> None:
    paths = sorted(art.glob('*/mural/0000005*.jpg'))
    demo(paths, boxes=annotations).save(tmp_path)
    truth = json.loads(Path(annotations).read_text())
    known = {image['id']: image['file_name'] for image in truth['images']}
    for image in read(tmp_path)['images']:
        assert known[image['id']].endswith(image['file_name'])


def test_a_video_becomes_a_video_of_as_many_frames(demo, image, tmp_path) -> None:
    path = write_video(tmp_path / 'clip.mp4', [image] * 7)
    summary = demo(path, scenario='sketch').save(tmp_path / 'out')
    capture = cv2.VideoCapture(str(tmp_path / 'out/videos/clip.mp4'))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == summary.images == 7
    assert capture.get(cv2.CAP_PROP_FPS) == 12
    images = read(tmp_path / 'out')['images']
    assert [image['frame'] for image in images] == list(range(7))
    assert files_in(tmp_path / 'out/videos') == ['clip.mp4']


def test_what_fails_is_listed_and_the_rest_is_there(demo, sketches, tmp_path) -> None:
    bad = tmp_path / 'bad.jpg'
    bad.write_bytes(b'')
    summary = demo([sketches[0], bad, sketches[1]]).save(tmp_path / 'out')
    assert summary.images == 2 and len(summary.failures) == 1
    assert 'bad.jpg is empty' in (tmp_path / 'out/failed.txt').read_text()
    assert len(read(tmp_path / 'out')['images']) == 2


class Stopped(Exception):
    """Somebody ends the run."""


def stop_after(count: int):
    """Make what ends a run at its ``count``-th image."""
    seen = []

    def each(result) -> None:
        seen.append(result.name)
        if len(seen) == count:
            raise Stopped

    return each


def test_a_run_that_was_ended_is_gone_on_with(demo, art, tmp_path) -> None:
    folder, whole = art / '2D_virtual_human', tmp_path / 'whole'
    demo(folder).save(whole)
    with pytest.raises(Stopped):
        demo(folder).save(tmp_path / 'out', each=stop_after(3))
    assert len(read(tmp_path / 'out')['images']) == 3
    seen = []
    summary = demo(folder).save(
        tmp_path / 'out', resume=True, each=lambda result: seen.append(result.name)
    )
    assert summary.resumed == 3 and summary.images == len(seen)
    assert files_in(tmp_path / 'out') == files_in(whole)
    ours, theirs = read(tmp_path / 'out'), read(whole)
    assert ours['images'] == theirs['images']
    for one, other in zip(ours['annotations'], theirs['annotations'], strict=True):
        assert np.allclose(one['keypoints'], other['keypoints'], atol=0.05)


def test_what_failed_before_is_tried_again(demo, sketches, tmp_path) -> None:
    late = tmp_path / 'late.jpg'
    late.write_bytes(b'')
    demo([sketches[0], late]).save(tmp_path / 'out')
    late.write_bytes(Path(sketches[1]).read_bytes())
    summary = demo([sketches[0], late]).save(tmp_path / 'out', resume=True)
    assert (summary.resumed, summary.images, summary.failures) == (1, 1, [])
    assert not (tmp_path / 'out/failed.txt').exists()


def test_a_line_that_was_being_written_is_done_again(demo, sketches, tmp_path) -> None:
    demo(sketches).save(tmp_path)
    progress = tmp_path / 'progress.jsonl'
    progress.write_bytes(progress.read_bytes()[:-40])
    summary = demo(sketches).save(tmp_path, resume=True)
    assert (summary.resumed, summary.images) == (1, 1)
    assert len(read(tmp_path)['images']) == 2


def test_a_video_that_was_left_early_begins_anew(demo, image, tmp_path) -> None:
    path = write_video(tmp_path / 'clip.mp4', [image] * 5)
    with pytest.raises(Stopped):
        demo(path, batch_size=1).save(tmp_path / 'out', each=stop_after(2))
    assert not (tmp_path / 'out/videos/clip.mp4').exists()
    assert files_in(tmp_path / 'out/videos') == []
    summary = demo(path).save(tmp_path / 'out', resume=True)
    assert (summary.resumed, summary.images) == (0, 5)
    assert [image['frame'] for image in read(tmp_path / 'out')['images']] == [0, 1, 2, 3, 4]
    assert demo(path).save(tmp_path / 'out', resume=True).resumed == 5


def test_a_video_that_broke_off_is_done_anew_when_it_is_whole(
    demo, image, tmp_path
) -> None:
    whole = write_video(tmp_path / 'whole.avi', [image] * 60).read_bytes()
    path = tmp_path / 'clip.avi'
    path.write_bytes(whole[: len(whole) // 2])
    summary = demo(path, scenario='sketch').save(tmp_path / 'out')
    assert 0 < summary.images < 60 and len(summary.failures) == 1
    path.write_bytes(whole)
    summary = demo(path, scenario='sketch').save(tmp_path / 'out', resume=True)
    assert summary.images == 60 and not summary.failures
    assert len(read(tmp_path / 'out')['images']) == 60


def test_a_image_that_was_changed_is_done_anew(demo, sketches, tmp_path) -> None:
    path = tmp_path / 'a.jpg'
    path.write_bytes(Path(sketches[0]).read_bytes())
    demo(path).save(tmp_path / 'out')
    path.write_bytes(Path(sketches[1]).read_bytes())
    assert demo(path).save(tmp_path / 'out', resume=True).images == 1
    told = dict(image=path, scenario='mural')
    assert demo(told).save(tmp_path / 'out', resume=True).images == 1
    (image,) = read(tmp_path / 'out')['images']
    assert image['category'] == 'mural'


def test_another_image_of_the_same_name_is_refused(demo, sketches, tmp_path) -> None:
    for folder, source in zip(('x', 'y'), sketches, strict=True):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / '1.jpg').write_bytes(Path(source).read_bytes())
    demo(tmp_path / 'x').save(tmp_path / 'out')
    with pytest.raises(ValueError, match='results of another 1.jpg, that of .*/x/1.jpg'):
        demo(tmp_path / 'y').save(tmp_path / 'out', resume=True)
    both = [tmp_path / 'x', tmp_path / 'y']
    summary = demo(both).save(tmp_path / 'out', resume=True)
    assert (summary.resumed, summary.images) == (1, 1)


@pytest.mark.parametrize('line', ['[]', '5', '{"image": {}}', '{"item": 1}', 'text'])
def test_a_damaged_line_is_named(demo, sketches, tmp_path, line: str) -> None:
    demo(sketches).save(tmp_path)
    with open(tmp_path / 'progress.jsonl', 'a') as file:
        file.write(f'{line}\n')
    with pytest.raises(ValueError, match='progress.jsonl is damaged in line 4'):
        demo(sketches).save(tmp_path, resume=True)


def test_no_two_images_are_drawn_in_the_same_place(demo, image, tmp_path) -> None:
    names = ['a.jpg', 'a.jpg.jpg', 'a.bmp', 'a.bmp.jpg', f'{"long" * 50}.webp']
    for name in names:
        cv2.imwrite(str(tmp_path / name), image)
    demo(str(tmp_path)).save(tmp_path / 'out')
    assert len(files_in(tmp_path / 'out/drawings')) == len(names)


def test_the_folder_of_images_may_be_written_to(demo, image, tmp_path) -> None:
    cv2.imwrite(str(tmp_path / 'a.png'), image)
    assert demo(tmp_path).save(tmp_path).images == 1
    assert demo(tmp_path).save(tmp_path, resume=True).images == 0


def test_the_same_image_twice_has_two_numbers(demo, art, annotations, tmp_path) -> None:
    path = next(art.glob('*/mural/0000005*.jpg'))
    demo([path, path], boxes=annotations).save(tmp_path)
    content = read(tmp_path)
    ids = [image['id'] for image in content['images']]
    assert len(set(ids)) == 2
    assert {person['image_id'] for person in content['annotations']} == set(ids)


def test_odd_names_stay_on_their_lines(demo, tmp_path) -> None:
    bad = os.fsencode(tmp_path) + b'/a\nb\xff.jpg'
    with open(bad, 'wb'):
        pass
    summary = demo(os.fsdecode(tmp_path)).save(tmp_path / 'out')
    (line,) = (tmp_path / 'out/failed.txt').read_text().splitlines()
    assert line.startswith('a\\nb\\udcff.jpg') and summary.failures[0].name in line


def test_results_of_another_run_are_not_mixed_with(demo, sketches, tmp_path) -> None:
    demo(sketches, scenario='mural').save(tmp_path)
    before = files_in(tmp_path)
    with pytest.raises(ValueError, match='holds the results of another run; go on with'):
        demo(sketches, scenario='mural').save(tmp_path)
    with pytest.raises(ValueError, match="made with scenario='mural', not 'ukiyoe'"):
        demo(sketches, scenario='ukiyoe').save(tmp_path, resume=True)
    assert files_in(tmp_path) == before


def test_drawings_in_the_folder_of_images_are_no_images(demo, image, tmp_path) -> None:
    cv2.imwrite(str(tmp_path / 'a.png'), image)
    demo(tmp_path).save(tmp_path / 'out')
    assert demo(tmp_path).save(tmp_path / 'out', resume=True).images == 0
    assert len(read(tmp_path / 'out')['images']) == 1


def test_results_that_were_asked_for_cannot_be_saved_as_well(
    demo, sketches, tmp_path
) -> None:
    results = demo(sketches)
    next(results)
    with pytest.raises(ValueError, match='call the inferencer again'):
        results.save(tmp_path)


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
