"""Test data in the configs that MMEngine dumps."""

from pathlib import Path

import pytest
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
    ann_file = cfg.test_dataloader.dataset.ann_file
    assert dumped['test_dataloader']['dataset']['ann_file'] == ann_file
    data = Path('data/mini/coco')
    ann_file = data / 'annotations/person_keypoints_val2017.json'
    assert read_data_sources(tmp_path) == [DataSource(ann_file, data / 'val2017')]


NESTED = "val_evaluator = [dict(metrics=[dict(ann_file='{}.json')])]"
COMBINED = """
test_dataloader = dict(dataset=dict(datasets=[
    dict(data_root='d1', ann_file='a.json', data_prefix=dict(img='p1')),
    dict(data_root='d2', ann_file='a.json', data_prefix=dict(img='p2'))]))
test_evaluator = dict(metrics=[dict(ann_file='d1/a.json'), dict(ann_file='d2/a.json')])
"""
SCRIPT = "open('executed', 'w')\ntest_evaluator = dict(ann_file=open('executed', 'w').name)"


@pytest.mark.parametrize(
    ('files', 'expected'),
    [
        (
            {f'{n}/vis_data/config.py': NESTED.format(n) for n in ('one', 'two')},
            [('one.json', None), ('two.json', None)],
        ),
        ({'config.py': COMBINED}, [('d1/a.json', 'd1/p1'), ('d2/a.json', 'd2/p2')]),
        ({'script.py': SCRIPT, 'broken.py': 'test_evaluator = dict('}, []),
    ],
    ids=['several tests', 'combined data sets', 'no config'],
)
def test_finds_all_test_data_and_executes_nothing(
    files: dict, expected: list, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    found = read_data_sources(tmp_path)
    assert found == [DataSource(Path(a), r and Path(r)) for a, r in expected]
    assert not Path('executed').exists()
