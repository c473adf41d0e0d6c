"""Runs: result files, and the annotation files they are evaluated on."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from projects.domain_gap_report.runs import RunReader, split_argument
from tests.test_projects.test_domain_gap_report.conftest import (
    ART,
    BOTH,
    PHOTOS,
    results,
    write,
)


def test_a_name_may_stand_before_a_path(tmp_path: Path) -> None:
    assert split_argument('ours=runs/a') == ('ours', Path('runs/a'))
    assert split_argument('runs/a') == (None, Path('runs/a'))
    assert split_argument('a=b=c') == ('a', Path('b=c'))
    path = tmp_path / 'lr=0.1'
    path.mkdir()
    assert split_argument(str(path)) == (None, path)


def test_a_folder_is_one_run_on_all_that_its_configs_name(
    make_run: Callable, mini_data: Path
) -> None:
    folder = make_run('ViTPose', art=1, photos=1)
    reader = RunReader()
    (run,) = reader.read([str(folder)])
    assert run.name == 'ViTPose'
    assert {path.name for path in run.result_files} == {
        'art.keypoints.json',
        'photos.keypoints.json',
    }
    assert set(reader.ann_files) == {mini_data / ART, mini_data / PHOTOS}
    assert set(reader.image_roots) == {mini_data, mini_data / 'coco/val2017'}
    images = json.loads((mini_data / BOTH).read_text())['images']
    assert set(run.coco_gt.imgs) == {image['id'] for image in images}


def test_result_files_of_one_name_are_one_run(make_run: Callable) -> None:
    folder = make_run('a', art=1, photos=1)
    specs = [f'mine={folder}/{kind}.keypoints.json' for kind in ('art', 'photos')]
    (run,) = RunReader().read(specs)
    (whole,) = RunReader().read([str(folder)])
    assert run.name == 'mine'
    assert run.evaluation.scores() == whole.evaluation.scores()


def test_a_bare_file_is_called_by_its_name(tmp_path: Path, mini_data: Path) -> None:
    path = write(tmp_path / 'vitpose.keypoints.json', results(mini_data / ART, 1))
    (run,) = RunReader([mini_data / ART]).read([str(path)])
    assert run.name == 'vitpose'


def test_a_result_file_belongs_to_the_smallest_file_with_its_images(
    tmp_path: Path, mini_data: Path
) -> None:
    reader = RunReader([mini_data / BOTH, mini_data / ART, mini_data / PHOTOS])
    for name in (ART, PHOTOS, BOTH):
        path = write(tmp_path / 'results.json', results(mini_data / name, 1))
        (run,) = reader.read([str(path)])
        images = json.loads((mini_data / name).read_text())['images']
        assert len(run.coco_gt.imgs) == len(images)


def test_results_are_sorted_by_score(make_run: Callable) -> None:
    (run,) = RunReader().read([str(make_run('a', photos=1))])
    for img_id in run.coco_gt.imgs:
        scores = [record['score'] for record in run.results(img_id)]
        assert scores == sorted(scores, reverse=True) != []
    assert run.results(-1) == []


def test_refuses_two_results_on_the_same_images(make_run: Callable) -> None:
    folder = make_run('a', art=1)
    (folder / 'again.keypoints.json').write_bytes(
        (folder / 'art.keypoints.json').read_bytes()
    )
    with pytest.raises(ValueError, match='both have results on 19 images; make them two'):
        RunReader().read([str(folder)])


def test_refuses_two_runs_of_the_same_name(make_run: Callable) -> None:
    one, other = make_run('a', art=1), make_run('b', art=2)
    for specs in ([one, one], [f'b={one}', other], [other, f'b={one}']):
        with pytest.raises(ValueError, match='Two runs are called .*NAME=PATH'):
            RunReader().read([str(spec) for spec in specs])


def test_says_what_is_missing(make_run: Callable, tmp_path: Path, mini_data: Path) -> None:
    def refused(spec: Path, *ann_files: Path) -> str:
        with pytest.raises((OSError, ValueError)) as error:
            RunReader(ann_files).read([str(spec)])
        return str(error.value)

    (tmp_path / 'empty').mkdir()
    assert 'has no results' in refused(tmp_path / 'empty')
    assert 'outfile_prefix=' in refused(tmp_path / 'empty')
    assert 'There is no file or folder' in refused(tmp_path / 'nowhere')
    bare = write(tmp_path / 'bare.json', results(mini_data / ART, 1))
    assert 'no config beside' in refused(bare) and '--ann' in refused(bare)
    message = refused(bare, mini_data / PHOTOS)
    assert '19 of its 19 images, such as ' in message and '--ann' in message
    assert 'nowhere.json' in refused(bare, tmp_path / 'nowhere.json')
    folder = make_run('a', art=1)
    (folder / 'art.py').write_text("test_evaluator = dict(ann_file='gone/art.json')")
    assert 'gone/art.json, which does not exist' in refused(folder)
    for content in ({}, [1], [{}], []):
        write(bare, content)
        assert 'has no results in COCO format' in refused(bare, mini_data / ART)
