"""Runs: result files, and the annotation files they are evaluated on."""

from collections.abc import Callable
from pathlib import Path

import pytest

from projects.domain_gap_report.runs import RunReader, split_argument
from tests.test_projects.test_domain_gap_report.conftest import (
    ART,
    BOTH,
    PHOTOS,
    read,
    results,
    write,
)


def test_a_name_may_stand_before_a_path(tmp_path: Path) -> None:
    path = tmp_path / 'lr=0.1'
    path.mkdir()
    for argument, expected in (
        ('ours=runs/a', ('ours', Path('runs/a'))),
        ('runs/a', (None, Path('runs/a'))),
        ('a=b=c', ('a', Path('b=c'))),
        (str(path), (None, path)),
    ):
        assert split_argument(argument) == expected


def test_a_folder_or_the_files_of_one_name_are_one_run(
    make_run: Callable, mini_data: Path
) -> None:
    folder = make_run('ViTPose', art=1, photos=1)
    reader = RunReader()
    (run,) = reader.read([str(folder)])
    assert run.name == 'ViTPose'
    names = ['art.keypoints.json', 'photos.keypoints.json']
    assert sorted(path.name for path in run.result_files) == names
    assert set(reader.ann_files) == {mini_data / ART, mini_data / PHOTOS}
    assert set(reader.image_roots) == {mini_data, mini_data / 'coco/val2017'}
    assert set(run.coco_gt.imgs) == {i['id'] for i in read(mini_data / BOTH)['images']}
    for img_id in run.coco_gt.imgs:
        scores = [record['score'] for record in run.results(img_id)]
        assert scores == sorted(scores, reverse=True) != []
    assert run.results(-1) == []

    (again,) = RunReader().read([f'mine={folder / name}' for name in names])
    assert again.name == 'mine' and again.evaluation.scores() == run.evaluation.scores()


def test_a_result_file_belongs_to_the_smallest_file_with_its_images(
    tmp_path: Path, mini_data: Path
) -> None:
    reader = RunReader([mini_data / BOTH, mini_data / ART, mini_data / PHOTOS])
    for name in (ART, PHOTOS, BOTH):
        path = write(tmp_path / 'vitpose.keypoints.json', results(mini_data / name, 1))
        (run,) = reader.read([str(path)])
        assert run.name == 'vitpose'
        assert len(run.coco_gt.imgs) == len(read(mini_data / name)['images'])


def test_refuses_runs_and_results_that_are_not_distinct(make_run: Callable) -> None:
    one, other = make_run('a', art=1), make_run('b', art=2)
    for specs in ([one, one], [f'b={one}', other], [other, f'b={one}']):
        with pytest.raises(ValueError, match='Two runs are called .*NAME=PATH'):
            RunReader().read([str(spec) for spec in specs])
    content = (one / 'art.keypoints.json').read_bytes()
    (one / 'again.keypoints.json').write_bytes(content)
    with pytest.raises(ValueError, match='both have results on 19 images; make them two'):
        RunReader().read([str(one)])


def test_says_what_is_missing(make_run: Callable, tmp_path: Path, mini_data: Path) -> None:
    bare, folder = tmp_path / 'bare.json', make_run('a', art=1)
    (tmp_path / 'empty').mkdir()
    (folder / 'art.py').write_text("test_evaluator = dict(ann_file='gone/art.json')")
    found, no_records = results(mini_data / ART, 1), 'has no results in COCO format'
    for content, run, ann_file, message in (
        (found, 'empty', None, r'empty has no results .*outfile_prefix='),
        (found, 'nowhere', None, 'There is no file or folder'),
        (found, 'bare.json', None, r'no config beside .*bare.json .*--ann'),
        (found, 'bare.json', PHOTOS, '19 of its 19 images, such as .*--ann'),
        (found, 'bare.json', 'nowhere.json', 'nowhere.json'),
        (found, 'a', None, 'gone/art.json, which does not exist'),
        *((content, 'bare.json', ART, no_records) for content in ({}, [1], [{}], [])),
    ):
        write(bare, content)
        reader = RunReader([mini_data / ann_file] if ann_file else [])
        with pytest.raises((OSError, ValueError), match=message):
            reader.read([str(tmp_path / run)])
