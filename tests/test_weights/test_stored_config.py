"""Configs in checkpoints are read, never run."""

from pathlib import Path

import pytest
from mmengine.config import Config

from tests.conftest import ROOT
from vlpose_mm.weights.stored_config import stored_config


@pytest.mark.parametrize('key', ['meta', 'message_hub'])
def test_what_mmengine_writes_is_read(key: str) -> None:
    path = next(ROOT.glob('configs/body_2d_keypoint/vlpose/humanart/*base-paper*.py'))
    cfg = Config.fromfile(path)
    held = dict(cfg=cfg.pretty_text)
    content = {key: held if key == 'meta' else dict(runtime_info=held)}
    assert stored_config(content, 'a.pth').to_dict() == cfg.to_dict()


def test_a_checkpoint_without_config_says_what_to_give() -> None:
    with pytest.raises(ValueError, match='a.pth holds no config; give the config that'):
        stored_config(dict(meta={}, state_dict={}), 'a.pth')


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
    with pytest.raises(ValueError, match='The config in a.pth is not one that MMEngine'):
        stored_config(content, 'a.pth')
    assert not file.exists()
