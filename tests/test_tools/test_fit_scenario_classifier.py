"""python -m vlpose_mm.tools.fit_scenario_classifier"""

import os
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import CheckpointLoader
from mmengine.runner.checkpoint import load_state_dict
from mmpose.registry import MODELS

from tests.test_tools.as_program import json_output
from vlpose_mm.checkpoint.adapter import extract
from vlpose_mm.checkpoint.metadata import KEY, decode
from vlpose_mm.datasets.scenarios import SCENARIOS
from vlpose_mm.tools.fit_scenario_classifier import main

MIXED = 'HumanArt/annotations/{}_humanart_coco.json'
OPTIONS = [
    '--cfg-options',
    f'train_dataloader.dataset.ann_file={MIXED.format("training")}',
    f'val_dataloader.dataset.ann_file={MIXED.format("validation")}',
    'val_dataloader.dataset.bbox_file=None',
]


def read(path: str | Path) -> dict:
    return CheckpointLoader.load_checkpoint(str(path), 'cpu')


@pytest.fixture(scope='module')
def tuned(small_config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A VLPose checkpoint."""
    init_default_scope('mmpose')
    model = MODELS.build(Config.fromfile(small_config).model)
    load_state_dict(model, read(small_config.parent / 'vitpose.pth')['state_dict'])
    path = tmp_path_factory.mktemp('fit') / 'tuned.pth'
    torch.save(dict(meta=dict(epoch=3), state_dict=model.state_dict()), path)
    return path


def test_adds_a_classifier_to_a_checkpoint_and_prints_its_accuracy(
    small_config: Path, tuned: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    out = tmp_path / 'out.pth'
    main([str(small_config), str(tuned), str(out), *OPTIONS])
    printed, log = capsys.readouterr()
    assert 'Fitted the scenario classifier on 37 instances of 20 classes' in log
    lines = [line.split() for line in printed.splitlines()]
    names = [line[0] for line in lines if len(line) == 5]
    assert names == [*SCENARIOS, 'photos', 'all']
    before, after = read(tuned), read(out)
    assert after['meta'] == before['meta']
    for name, tensor in before['state_dict'].items():
        if name != KEY:
            assert torch.equal(after['state_dict'][name], tensor)
    added = {*after['state_dict']} - {*before['state_dict']}
    assert {name.split('.')[0] for name in added} == {'scenario_classifier'}
    assert added <= {*decode(after['state_dict'][KEY])['adapter_params']}

    # The classifier of the checkpoint is not fitted again.
    main([str(small_config), str(out), *OPTIONS])
    again, log = capsys.readouterr()
    assert again == printed and 'Fitted' not in log
    args = (small_config, out, *OPTIONS)
    found = json_output('fit_scenario_classifier', args, capsys)
    assert found['total']['images'] == 19 + 4
    assert found['scenarios'][-1]['name'] is None


def test_an_adapter_checkpoint_stays_one(
    small_config: Path, tuned: Path, tmp_path: Path
) -> None:
    content = read(tuned)
    content['state_dict'] = extract(content['state_dict'])
    path, out = tmp_path / 'small.pth', tmp_path / 'out.pth'
    torch.save(content, path)
    base = small_config.parent / 'vitpose.pth'
    main([str(small_config), str(path), str(out), *OPTIONS, f'model.base_weights={base}'])
    before, after = content['state_dict'], read(out)['state_dict']
    assert {*after} - {*before} == {
        f'scenario_classifier.{name}' for name in ('weight', 'bias', '_extra_state')
    }
    assert decode(after[KEY])['base'] == decode(before[KEY])['base']


class Payload:
    def __reduce__(self) -> tuple:
        return os.system, ('touch ran',)


@pytest.mark.parametrize(
    ('config', 'args', 'message'),
    [
        ('missing.py', ['TUNED'], "vlpose_mm has no config 'missing.py'"),
        ('base.py', ['TUNED'], 'is not a VLPoseEstimator'),
        ('CONFIG', ['missing.pth'], 'There is no file missing.pth'),
        ('CONFIG', ['.'], 'is a directory'),
        ('CONFIG', ['payload.pth'], 'which is not one of the safe globals'),
        ('CONFIG', ['cut.pth'], 'cut.pth cannot be read as a checkpoint'),
        ('CONFIG', ['other.pth'], 'fits no part of VLPoseEstimator'),
        ('CONFIG', ['TUNED', 'nowhere/out.pth'], 'Cannot write nowhere/out.pth'),
        ('natural_only.py', ['TUNED'], 'are all natural'),
    ],
)
def test_bad_input_gets_one_clear_error(
    config: str,
    args: list[str],
    message: str,
    small_config: Path,
    tuned: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(dict(state_dict=Payload()), 'payload.pth')
    Path('cut.pth').write_bytes(tuned.read_bytes()[:4000])
    torch.save(dict(state_dict={'stem.weight': torch.zeros(1)}), 'other.pth')
    natural_only = 'HumanArt/annotations/training_humanart_dance.json'
    Path('natural_only.py').write_text(
        f"_base_ = '{small_config}'\n"
        f"train_dataloader = dict(dataset=dict(ann_file='{natural_only}'))\n"
    )
    Path('base.py').write_text(
        f"_base_ = '{small_config}'\n"
        "model = dict(_delete_=True, type='TopdownPoseEstimator', "
        "backbone=dict(type='PromptedVisionTransformer', visual_prompt=None))\n"
    )
    names = dict(CONFIG=str(small_config), TUNED=str(tuned))
    with pytest.raises(SystemExit) as exit_info:
        main([names.get(text, text) for text in (config, *args)])
    assert exit_info.value.code == 2
    assert message in ' '.join(capsys.readouterr().err.split())
    assert not Path('ran').exists()
