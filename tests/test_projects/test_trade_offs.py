"""projects/trade_offs: time and accuracy of every way to run a model."""

import json
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmpose.registry import METRICS

from projects.trade_offs.__main__ import main
from projects.trade_offs.accuracy import Crops
from projects.trade_offs.variants import (
    STOCK,
    by_pytorch,
    load,
    merged,
    resize,
    without_auxiliary_branch,
)
from tests.conftest import ROOT
from vlpose_mm.datasets.scenarios import DEFAULT_TEXT_PROMPT
from vlpose_mm.models import VLPoseEstimator

MINI = ROOT / 'projects/mini_humanart'
WEIGHTS = MINI / 'vlpose_mini.pth'


@pytest.fixture
def cfg(mini_data: Path) -> Config:
    """The shipped mini model's, on a few images."""
    init_default_scope('mmpose')
    cfg = Config.fromfile(MINI / 'configs/vlpose_mini_auto.py')
    cfg.model.update(
        base_weights=str(MINI / 'vitpose_mini_photos.pth'), scenario_classifier=None
    )
    cfg.test_dataloader.dataset.data_root = f'{mini_data}/'
    name = Path(cfg.test_dataloader.dataset.ann_file)
    cfg.test_evaluator.ann_file = str(mini_data / name)
    return cfg


@pytest.fixture
def model(cfg: Config) -> VLPoseEstimator:
    return load(cfg, str(WEIGHTS))


@pytest.fixture
def crops(cfg: Config) -> Crops:
    return Crops(cfg)


@torch.no_grad()
def test_the_accuracy_is_that_of_mmpose_s_test(
    cfg: Config, model: VLPoseEstimator, crops: Crops
) -> None:
    scores = crops.score(by_pytorch(model, 'tuned'))
    model.set_route('tuned')
    for name, flip in (('flip', True), ('plain', False)):
        model.test_cfg['flip_test'] = flip
        metric = METRICS.build(cfg.test_evaluator)
        metric.dataset_meta = crops.dataset.metainfo
        for row in crops.rows:
            found = model.test_step(pseudo_collate([crops.dataset[row]]))
            metric.process({}, [sample.to_dict() for sample in found])
        wanted = metric.evaluate(len(crops.rows))
        assert scores[name]['all'] == pytest.approx(wanted['coco/AP'], abs=1e-3)
        for part in ('natural', 'artificial', 'sketch'):
            want = wanted[f'coco/{part}/AP']
            assert scores[name][part] == pytest.approx(want, abs=1e-3)
    assert scores['flip'] != scores['plain']


def test_every_nth_image_is_scored(cfg: Config, crops: Crops) -> None:
    third = Crops(cfg, 3)
    assert third.image_ids == crops.image_ids[::3]
    scored = {
        sample.metainfo['img_id'] for _, samples in third.batches() for sample in samples
    }
    assert scored == {*third.image_ids}


def test_a_config_and_its_weights_shrink_together(cfg: Config) -> None:
    small = resize(cfg, (1, 2))
    batch, samples = next(Crops(small).batches(2))
    assert batch.shape == (2, 3, 64, 48)
    heatmaps = by_pytorch(load(small, str(WEIGHTS)), 'tuned')(batch, samples)
    assert heatmaps.shape == (2, 17, 16, 12)
    assert cfg.model.head.decoder.input_size == (96, 128)


def test_the_auxiliary_branch_is_dropped_from_a_copy(
    model: VLPoseEstimator, crops: Crops
) -> None:
    batch, samples = next(crops.batches(2))
    whole = by_pytorch(model, 'tuned')(batch, samples)
    cut = without_auxiliary_branch(model)
    assert not torch.allclose(by_pytorch(cut, 'tuned')(batch, samples), whole, atol=1e-3)
    assert not [name for name, _ in cut.named_parameters() if 'aux' in name]
    model.head.exit_gate.data.zero_()
    found = by_pytorch(model, 'tuned')(batch, samples)
    torch.testing.assert_close(by_pytorch(cut, 'tuned')(batch, samples), found)


def test_a_merged_model_finds_the_same_for_its_text_prompt(
    model: VLPoseEstimator, crops: Crops
) -> None:
    batch, samples = next(crops.batches(2))
    run = merged(model)
    for sample in samples:
        sample.set_metainfo(dict(text_prompt=DEFAULT_TEXT_PROMPT))
    wanted = by_pytorch(model, 'tuned')(batch, samples)
    torch.testing.assert_close(run(batch, samples), wanted, rtol=1e-4, atol=1e-5)
    assert not model.backbone.lora.is_merged


@pytest.mark.slow
def test_prints_a_row_for_every_way(
    cfg: Config, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    config, out = tmp_path / 'config.py', tmp_path / 'found.json'
    cfg.dump(config)
    student = MINI / 'vitpose_mini_photos.pth'
    args = [str(config), str(WEIGHTS), '--student', str(student), '--json', str(out)]
    main([*args, '--every', '4', '--rounds', '2'])
    lines = [line for line in capsys.readouterr().out.splitlines() if line[:1] == '|']
    names = [line.split('|')[1].strip() for line in lines[2:]]
    found = json.loads(out.read_text())
    ways = [*found['AP']]
    # Then what the flip test brings, by scenario.
    names, scenarios = names[: len(ways)], names[len(ways) + 2 :]
    assert names == ways == [row['name'] for row in found['time'][1]['rows']]
    assert scenarios == [*found['AP'][STOCK]['plain']] and 'natural' in scenarios
    assert {'tuned, ONNX Runtime, int8', 'distilled, OpenVINO'} < {*names}
    # The student is the base here.
    assert found['AP']['distilled, PyTorch'] == found['AP'][STOCK]
    assert lines[2].split('|')[2].strip() == '1.00'
