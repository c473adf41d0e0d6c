"""Configs in checkpoints are read, never run."""

from pathlib import Path

import pytest
from mmengine.config import Config

from tests.conftest import ROOT
from vlpose_mm.checkpoint.stored_config import stored_config


@pytest.mark.parametrize('backbone', ['base', 'swin-t', 'hrformer-base'])
def test_what_mmengine_writes_is_read(backbone: str) -> None:
    name = f'humanart/td-hm_VLPose-{backbone}_8xb64-210e_humanart-256x192.py'
    cfg = Config.fromfile(ROOT / 'configs/body_2d_keypoint/vlpose' / name)
    stored = dict(cfg=cfg.pretty_text)
    for content in (dict(meta=stored), dict(message_hub=dict(runtime_info=stored))):
        assert stored_config(content, 'a.pth').to_dict() == cfg.to_dict()


def test_a_checkpoint_without_config_says_what_to_give() -> None:
    with pytest.raises(ValueError, match='a.pth holds no config; give the config that'):
        stored_config(dict(meta={}, state_dict={}), 'a.pth')


@pytest.mark.parametrize(
    'text',
    [
        "model = dict(type='os.system', command='touch {file}')",
        "model = dict(type='A', head=[dict(type='mmengine.dump', obj=1, file='{file}')])",
        "model = dict(type='antigravity')",
        "model = dict(type='VLPoseEstimator', _scope_='antigravity')",
        "default_scope = 'antigravity'",
        "dataset_type = 'antigravity.Data'",
        "test_dataloader = dict(collate_fn='os.system')",
        "train_dataloader = dict(dataset=dict(metainfo=dict(from_file='{file}.py')))",
    ],
)
def test_what_mmengine_would_import_and_call_is_refused(text: str, tmp_path: Path) -> None:
    content = dict(meta=dict(cfg=text.format(file=tmp_path / 'touched')))
    with pytest.raises(ValueError, match='not registered in MMPose or vlpose_mm'):
        stored_config(content, 'a.pth')


@pytest.mark.parametrize(
    'text',
    [
        "model = open('{file}', 'w')",
        "import os\nmodel = os.remove('{file}')",
        "model = dict(type=__import__('os').system('touch {file}'))",
        "model = dict(**{{'a': 1}})",
        "model = [x for x in 'ab']",
        'a = b = 1',
        'model = (',
    ],
)
def test_nothing_of_it_is_run(text: str, tmp_path: Path) -> None:
    file = tmp_path / 'touched'
    content = dict(meta=dict(cfg=text.format(file=file)))
    with pytest.raises(ValueError, match='The config in a.pth cannot be used'):
        stored_config(content, 'a.pth')
    assert not file.exists()
