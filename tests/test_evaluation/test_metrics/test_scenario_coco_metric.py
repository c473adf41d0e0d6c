"""The metric gives CocoMetric's numbers, of each scenario as if it stood alone."""

import contextlib
import copy
import json
import logging
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.runner import Runner
from mmpose.registry import METRICS

from tests.conftest import ROOT
from tests.test_evaluation import synthetic
from vlpose_mm.datasets.scenarios import SCENARIOS

CONTENT = synthetic.annotations()
SAME = {'AP': 'AP', 'AP50': 'AP .5', 'AP75': 'AP .75', 'AR': 'AR'}


@pytest.fixture
def ann_file(tmp_path: Path) -> str:
    return synthetic.write(CONTENT, tmp_path / 'ann.json')


def mapping(*numbers: int) -> dict:
    return dict(num_keypoints=len(numbers), mapping=[(n, i) for i, n in enumerate(numbers)])


@pytest.mark.parametrize('detected', [False, True], ids=['true boxes', 'detected boxes'])
@pytest.mark.parametrize(
    'cfg',
    [
        dict(),
        dict(nms_mode='none'),
        dict(nms_mode='soft_oks_nms', nms_thr=0.5),
        dict(score_mode='bbox'),
        dict(score_mode='bbox_rle', use_area=False),
        dict(iou_type='keypoints_crowd', use_area=False),
        dict(
            gt_converter=mapping(0, 5, 6, 11, 12), pred_converter=mapping(0, 5, 6, 11, 12)
        ),
    ],
    ids=lambda cfg: ' '.join(cfg),
)
def test_every_part_scores_as_coco_metric_scores_its_annotation_file_alone(
    cfg: dict, detected: bool, ann_file: str, tmp_path: Path
) -> None:
    given = synthetic.samples(CONTENT, detected)
    ours = synthetic.evaluate('ScenarioCocoMetric', ann_file, given, **cfg)
    whole = synthetic.evaluate('CocoMetric', ann_file, given, **cfg)
    assert {key: ours[key] for key in whole} == whole
    assert 0.1 < whole['coco/AP'] < 0.95
    parts = {name: [name] for name in synthetic.CATEGORIES}
    parts |= synthetic.GROUPS | synthetic.SIDES
    for name, scenarios in parts.items():
        img_ids = synthetic.images(CONTENT, scenarios)
        alone = synthetic.write(synthetic.alone(CONTENT, img_ids), tmp_path / 'alone.json')
        some = [sample for sample in given if sample['img_id'] in img_ids]
        if not some:
            # CocoMetric cannot evaluate nothing.
            assert name == synthetic.WITHOUT_PEOPLE and ours['coco/cosplay/AP'] == -1
            continue
        expected = synthetic.evaluate('CocoMetric', alone, some, **cfg)
        for our_key, key in SAME.items():
            assert ours[f'coco/{name}/{our_key}'] == expected[f'coco/{key}']


def test_all_numbers_are_plain_and_every_key_can_name_a_file(ann_file: str) -> None:
    given = synthetic.samples(CONTENT, True)
    found = synthetic.evaluate('ScenarioCocoMetric', ann_file, given, prefix='art')
    new = set(found) - set(synthetic.evaluate('CocoMetric', ann_file, given, prefix='art'))
    parts = {*synthetic.CATEGORIES, *synthetic.GROUPS, *synthetic.SIDES}
    keys = {f'art/{part}/{key}' for part in parts for key in (*SAME, 'people')}
    keys |= {f'art/{m}_mean/{key}' for m in ('scenario', 'group') for key in SAME}
    assert new == keys | {'art/people', 'art/gap/AP'}
    assert all(type(found[key]) in (int, float) for key in new)
    assert not any(char in key for key in new for char in ' ():')


def test_the_log_has_tables(ann_file: str, caplog: pytest.LogCaptureFixture) -> None:
    from mmengine.logging import MMLogger

    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    try:
        with caplog.at_level(logging.INFO):
            given = synthetic.samples(CONTENT, True)
            synthetic.evaluate('ScenarioCocoMetric', ann_file, given)
    finally:
        logger.removeHandler(caplog.handler)
    assert '\noil_painting ' in caplog.text and 'L sho' in caplog.text


def test_format_only_writes_the_result_file_and_nothing_else(
    ann_file: str, tmp_path: Path
) -> None:
    given = synthetic.samples(CONTENT, True)
    for type in ('CocoMetric', 'ScenarioCocoMetric'):
        cfg = dict(format_only=True, outfile_prefix=str(tmp_path / type))
        assert synthetic.evaluate(type, ann_file, given, **cfg) == {}
    ours, cocos = (
        (tmp_path / f'{type}.keypoints.json').read_bytes()
        for type in ('ScenarioCocoMetric', 'CocoMetric')
    )
    assert ours == cocos and len(json.loads(ours)) > 20


def test_without_annotations_or_with_other_kinds_it_says_so_at_once(
    tmp_path: Path,
) -> None:
    metric = METRICS.build(dict(type='ScenarioCocoMetric'))
    # MMPose looks for annotations that a dataset of the same name has read before.
    meta = {**synthetic.metainfo(), 'dataset_name': 'never_read'}
    with pytest.raises(ValueError, match='reads the scenarios .* give it ann_file'):
        metric.dataset_meta = meta
    with pytest.raises(ValueError, match="one of .*'keypoints_crowd'.*, got 'bbox'"):
        METRICS.build(dict(type='ScenarioCocoMetric', iou_type='bbox'))
    content = copy.deepcopy(CONTENT)
    content['images'][3]['category'] = 'Photos'
    ann_file = synthetic.write(content, tmp_path / 'ann.json')
    metric = METRICS.build(dict(type='ScenarioCocoMetric', ann_file=ann_file))
    with pytest.raises(ValueError, match="'photos' is no name for a scenario"):
        metric.dataset_meta = synthetic.metainfo()


DISTRIBUTED = """
import json, sys
from vlpose_mm.evaluation import ScenarioCocoMetric
from mmengine.dist import get_rank, init_dist
from tests.test_evaluation import synthetic

init_dist('pytorch', backend='gloo')
content = synthetic.annotations()
given = synthetic.samples(content, True)
metric = ScenarioCocoMetric(sys.argv[1])
metric.dataset_meta = synthetic.metainfo()
metric.process({}, given[get_rank()::2])
found = metric.evaluate(len(given))
synthetic.write(found, synthetic.Path(f'{sys.argv[2]}/{get_rank()}.json'))
"""


@pytest.mark.slow
def test_two_processes_get_the_numbers_of_one(ann_file: str, tmp_path: Path) -> None:
    script = tmp_path / 'script.py'
    script.write_text(DISTRIBUTED)
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        port = listener.getsockname()[1]
    launcher = ('-m', 'torch.distributed.run', '--nproc_per_node=2')
    launcher += ('--master_addr=127.0.0.1', f'--master_port={port}')
    command = [sys.executable, '-W', 'ignore', *launcher, script, ann_file, tmp_path]
    env = dict(PATH='/usr/bin:/bin', PYTHONPATH=str(ROOT), OMP_NUM_THREADS='1')
    run = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-4000:]
    alone = synthetic.evaluate(
        'ScenarioCocoMetric', ann_file, synthetic.samples(CONTENT, True)
    )
    for rank in (0, 1):
        assert json.loads((tmp_path / f'{rank}.json').read_text()) == alone


@pytest.mark.slow
def test_training_keeps_the_best_by_any_key_and_logs_all(
    small_config: Path, tmp_path: Path
) -> None:
    cfg = Config.fromfile(small_config)
    cfg.val_evaluator.type = 'ScenarioCocoMetric'
    cfg.work_dir = str(tmp_path / 'work')
    # MMEngine shares one of the same name with other runs of this process.
    cfg.visualizer.name = str(tmp_path)
    cfg.train_dataloader.dataset.indices = 4
    keys = ['coco/shadow_play/AP', 'coco/scenario_mean/AR', 'coco/gap/AP']
    cfg.default_hooks.checkpoint.update(save_best=keys, rule=['greater', 'greater', 'less'])
    runner = Runner.from_cfg(cfg)
    with contextlib.redirect_stdout(None):
        runner.train()
    for key in keys:
        assert (tmp_path / f'work/best_{key.replace("/", "_")}_epoch_1.pth').exists()
    (scalars,) = (tmp_path / 'work').glob('*/vis_data/scalars.json')
    logged = json.loads(scalars.read_text().splitlines()[-1])
    assert {f'coco/{name}/AP' for name in SCENARIOS} | set(keys) <= set(logged)
    assert np.isfinite([logged[key] for key in keys]).all()
