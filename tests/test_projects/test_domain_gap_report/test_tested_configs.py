"""What dumped configs say."""

from pathlib import Path

from mmengine.config import Config

from projects.domain_gap_report.tested_configs import Tested, dumped_config, read_tested
from tests.conftest import ROOT


def test_reads_what_mmengine_dumps(tmp_path: Path) -> None:
    source = ROOT / 'projects/mini_humanart/configs/vlpose_mini_photos.py'
    cfg = Config.fromfile(source)
    cfg.dump(tmp_path / 'dumped.py')
    dumped = dumped_config(tmp_path / 'dumped.py')
    # Tuples come as lists, which means the same here.
    assert dumped['test_evaluator'] == cfg.test_evaluator
    assert dumped['test_dataloader']['dataset']['ann_file'] == (
        cfg.test_dataloader.dataset.ann_file
    )
    assert read_tested(tmp_path) == [
        Tested(
            Path('data/mini/coco/annotations/person_keypoints_val2017.json'),
            Path('data/mini/coco/val2017'),
        )
    ]


def test_finds_the_configs_of_several_tests_in_one_folder(tmp_path: Path) -> None:
    for name in ('one', 'two'):
        folder = tmp_path / name / 'vis_data'
        folder.mkdir(parents=True)
        config = f"val_evaluator = [dict(metrics=[dict(ann_file='{name}.json')])]"
        (folder / 'config.py').write_text(config)
    assert [t.ann_file.name for t in read_tested(tmp_path)] == ['one.json', 'two.json']


def test_runs_nothing_that_lies_in_the_folder(tmp_path: Path) -> None:
    flag = tmp_path / 'was_run'
    script = (
        f"open('{flag}', 'w')\ntest_evaluator = dict(ann_file=open('{flag}', 'w').name)\n"
    )
    (tmp_path / 'script.py').write_text(script)
    (tmp_path / 'broken.py').write_text('test_evaluator = dict(')
    assert read_tested(tmp_path) == []
    assert not flag.exists()


def test_joined_datasets_have_roots_of_their_own(tmp_path: Path) -> None:
    parts = [
        f"dict(data_root='d{i}', ann_file='a.json', data_prefix=dict(img='p{i}'))"
        for i in (1, 2)
    ]
    config = (
        f'test_dataloader = dict(dataset=dict(datasets=[{", ".join(parts)}]))\n'
        "test_evaluator = dict(metrics=[dict(ann_file='d1/a.json'), "
        "dict(ann_file='d2/a.json')])\n"
    )
    (tmp_path / 'config.py').write_text(config)
    assert read_tested(tmp_path) == [
        Tested(Path('d1/a.json'), Path('d1/p1')),
        Tested(Path('d2/a.json'), Path('d2/p2')),
    ]
