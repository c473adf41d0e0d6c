"""Test data in the configs that MMEngine dumps."""

from pathlib import Path

from mmengine.config import Config

from projects.domain_gap_report.dumped_configs import (
    DataSource,
    read_data_sources,
    read_dumped_config,
)
from tests.conftest import ROOT


def test_reads_what_mmengine_dumps(tmp_path: Path) -> None:
    cfg = Config.fromfile(ROOT / 'projects/mini_humanart/configs/vlpose_mini_photos.py')
    cfg.dump(tmp_path / 'dumped.py')
    dumped = read_dumped_config(tmp_path / 'dumped.py')
    assert dumped['test_evaluator'] == cfg.test_evaluator
    assert dumped['test_dataloader']['dataset']['ann_file'] == (
        cfg.test_dataloader.dataset.ann_file
    )
    data = Path('data/mini/coco')
    ann_file = data / 'annotations/person_keypoints_val2017.json'
    assert read_data_sources(tmp_path) == [DataSource(ann_file, data / 'val2017')]


def test_finds_the_configs_of_several_tests_in_one_folder(tmp_path: Path) -> None:
    for name in ('one', 'two'):
        folder = tmp_path / name / 'vis_data'
        folder.mkdir(parents=True)
        config = f"val_evaluator = [dict(metrics=[dict(ann_file='{name}.json')])]"
        (folder / 'config.py').write_text(config)
    names = [source.ann_file.name for source in read_data_sources(tmp_path)]
    assert names == ['one.json', 'two.json']


def test_executes_nothing(tmp_path: Path) -> None:
    flag = tmp_path / 'executed'
    (tmp_path / 'script.py').write_text(
        f"open('{flag}', 'w')\ntest_evaluator = dict(ann_file=open('{flag}', 'w').name)\n"
    )
    (tmp_path / 'broken.py').write_text('test_evaluator = dict(')
    assert read_data_sources(tmp_path) == [] and not flag.exists()


def test_combined_datasets_have_their_own_image_roots(tmp_path: Path) -> None:
    (tmp_path / 'config.py').write_text(
        'test_dataloader = dict(dataset=dict(datasets=[\n'
        "  dict(data_root='d1', ann_file='a.json', data_prefix=dict(img='p1')),\n"
        "  dict(data_root='d2', ann_file='a.json', data_prefix=dict(img='p2'))]))\n"
        "test_evaluator = dict(metrics=[dict(ann_file='d1/a.json'), "
        "dict(ann_file='d2/a.json')])\n"
    )
    assert read_data_sources(tmp_path) == [
        DataSource(Path(f'd{i}/a.json'), Path(f'd{i}/p{i}')) for i in (1, 2)
    ]
