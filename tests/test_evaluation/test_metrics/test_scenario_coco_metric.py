"""ScenarioCocoMetric equals CocoMetric, on all images and on each subset alone."""

import contextlib
import copy
import json
import logging
import multiprocessing
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.runner import Runner
from mmpose.registry import METRICS

from tests.test_evaluation import synthetic
from vlpose_mm.datasets.scenarios import SCENARIOS
from vlpose_mm.evaluation import ScenarioCocoMetric

SAME = {'AP': 'AP', 'AP50': 'AP .5', 'AP75': 'AP .75', 'AR': 'AR'}
FIVE = dict(num_keypoints=5, mapping=[(0, 0), (5, 1), (6, 2), (11, 3), (12, 4)])


@pytest.mark.parametrize('detected', [False, True], ids=['true bboxes', 'detected bboxes'])
@pytest.mark.parametrize(
    'cfg',
    [
        dict(),
        dict(nms_mode='none'),
        dict(nms_mode='soft_oks_nms', nms_thr=0.5),
        dict(score_mode='bbox'),
        dict(score_mode='bbox_rle', use_area=False),
        dict(iou_type='keypoints_crowd', use_area=False),
        dict(gt_converter=FIVE, pred_converter=FIVE),
    ],
    ids=lambda cfg: ' '.join(cfg),
)
def test_every_subset_equals_coco_metric_on_its_annotation_file(
    cfg: dict, detected: bool, content: dict, ann_file: str, tmp_path: Path
) -> None:
    samples = synthetic.samples(content, detected)
    ours = synthetic.evaluate('ScenarioCocoMetric', ann_file, samples, **cfg)
    whole = synthetic.evaluate('CocoMetric', ann_file, samples, **cfg)
    assert {key: ours[key] for key in whole} == whole
    assert 0.1 < whole['coco/AP'] < 0.95
    subsets = {name: [name] for name in synthetic.CATEGORIES}
    for name, scenarios in (subsets | synthetic.GROUPS | synthetic.DOMAINS).items():
        img_ids = synthetic.images(content, scenarios)
        alone = synthetic.write(synthetic.alone(content, img_ids), tmp_path / 'alone.json')
        some = [sample for sample in samples if sample['img_id'] in img_ids]
        if not some:  # CocoMetric fails on an empty set
            assert name == synthetic.EMPTY and ours['coco/cosplay/AP'] == -1
            continue
        expected = synthetic.evaluate('CocoMetric', alone, some, **cfg)
        for our_key, key in SAME.items():
            assert ours[f'coco/{name}/{our_key}'] == expected[f'coco/{key}']


@pytest.mark.fast
def test_adds_numbers_under_keys_that_can_name_a_file_and_logs_tables(
    content: dict, ann_file: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    samples = synthetic.samples(content, True)
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    try:
        with caplog.at_level(logging.INFO):
            ours = synthetic.evaluate('ScenarioCocoMetric', ann_file, samples, prefix='art')
    finally:
        logger.removeHandler(caplog.handler)
    new = set(ours) - set(synthetic.evaluate('CocoMetric', ann_file, samples, prefix='art'))
    subsets = {*synthetic.CATEGORIES, *synthetic.GROUPS, *synthetic.DOMAINS}
    keys = {f'art/{name}/{key}' for name in subsets for key in (*SAME, 'instances')}
    keys |= {f'art/{m}_mean/{key}' for m in ('scenario', 'group') for key in SAME}
    assert new == keys | {'art/instances', 'art/gap/AP'}
    assert all(type(ours[key]) in (int, float) for key in new)
    assert not any(char in key for key in new for char in ' ():')
    assert '\noil_painting ' in caplog.text and 'L sho' in caplog.text

    written = []
    for type_ in ('CocoMetric', 'ScenarioCocoMetric'):
        cfg = dict(format_only=True, outfile_prefix=str(tmp_path / type_))
        assert synthetic.evaluate(type_, ann_file, samples, **cfg) == {}
        written.append((tmp_path / f'{type_}.keypoints.json').read_bytes())
    assert written[0] == written[1] and len(json.loads(written[0])) > 20


def test_refuses_missing_annotations_other_types_and_bad_scenarios_early(
    content: dict, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="one of .*'keypoints_crowd'.*, got 'bbox'"):
        METRICS.build(dict(type='ScenarioCocoMetric', iou_type='bbox'))
    metric = METRICS.build(dict(type='ScenarioCocoMetric'))
    # MMPose reuses annotations that a dataset of the same name has read.
    with pytest.raises(ValueError, match='reads the scenarios .* set ann_file'):
        metric.dataset_meta = {**synthetic.metainfo(), 'dataset_name': 'never_read'}
    content = copy.deepcopy(content)
    content['images'][3]['category'] = 'Photos'
    ann_file = synthetic.write(content, tmp_path / 'ann.json')
    metric = METRICS.build(dict(type='ScenarioCocoMetric', ann_file=ann_file))
    with pytest.raises(ValueError, match="'photos' is not a name for a scenario"):
        metric.dataset_meta = synthetic.metainfo()


def evaluate_half(rank: int, ann_file: str, folder: Path) -> None:
    """Process every second sample in one of two processes."""
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{folder}/store', rank=rank, world_size=2
    )
    samples = synthetic.samples(synthetic.annotations(), True)
    metric = ScenarioCocoMetric(ann_file)
    metric.dataset_meta = synthetic.metainfo()
    metric.process({}, samples[rank::2])
    metrics = metric.evaluate(len(samples))
    synthetic.write(metrics, folder / f'{rank}.json')


def test_two_processes_compute_the_metrics_of_one(
    content: dict, ann_file: str, tmp_path: Path
) -> None:
    context = multiprocessing.get_context('fork')
    args = [(rank, ann_file, tmp_path) for rank in (0, 1)]
    processes = [context.Process(target=evaluate_half, args=a) for a in args]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    samples = synthetic.samples(content, True)
    alone = synthetic.evaluate('ScenarioCocoMetric', ann_file, samples)
    for rank in (0, 1):
        assert json.loads((tmp_path / f'{rank}.json').read_text()) == alone


@pytest.mark.slow
def test_training_saves_the_best_by_any_key_and_logs_all(
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
    with contextlib.redirect_stdout(None):
        Runner.from_cfg(cfg).train()
    for key in keys:
        assert (tmp_path / f'work/best_{key.replace("/", "_")}_epoch_1.pth').exists()
    (scalars,) = (tmp_path / 'work').glob('*/vis_data/scalars.json')
    logged = json.loads(scalars.read_text().splitlines()[-1])
    assert {f'coco/{name}/AP' for name in SCENARIOS} | set(keys) <= set(logged)
    assert np.isfinite([logged[key] for key in keys]).all()
