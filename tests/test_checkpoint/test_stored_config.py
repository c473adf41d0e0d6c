"""Configs in checkpoints are read, never run."""

from pathlib import Path

import pytest
from mmengine.config import Config

from tests.conftest import ROOT
from vlpose_mm.checkpoint.stored_config import stored_config

UNREGISTERED, UNUSABLE = 'not registered in MMPose or vlpose_mm', 'cannot be used'


@pytest.mark.parametrize('backbone', ['base', 'hrformer-base'])
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
    ('text', 'message'),
    [
        ("model = dict(type='os.system', command='touch {file}')", UNREGISTERED),
        ("model = dict(head=[dict(type='mmengine.dump', file='{file}')])", UNREGISTERED),
        ("model = dict(type='antigravity')", UNREGISTERED),
        ("model = dict(type='VLPoseEstimator', _scope_='antigravity')", UNREGISTERED),
        ("default_scope = 'antigravity'", UNREGISTERED),
        ("dataset_type = 'antigravity.Data'", UNREGISTERED),
        ("test_dataloader = dict(collate_fn='os.system')", UNREGISTERED),
        ("a = dict(dataset=dict(metainfo=dict(from_file='{file}.py')))", UNREGISTERED),
        ("model = open('{file}', 'w')", UNUSABLE),
        ("import os\nmodel = os.remove('{file}')", UNUSABLE),
        ("model = dict(type=__import__('os').system('touch {file}'))", UNUSABLE),
        ("model = dict(**{{'a': 1}})", UNUSABLE),
        ("model = [x for x in 'ab']", UNUSABLE),
        ('a = b = 1', UNUSABLE),
        ('model = (', UNUSABLE),
    ],
)
def test_nothing_is_run_or_imported(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / 'touched'
    content = dict(meta=dict(cfg=text.format(file=file)))
    with pytest.raises(ValueError, match=f'The config in a.pth .*{message}'):
        stored_config(content, 'a.pth')
    assert not file.exists()
