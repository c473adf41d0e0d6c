"""Overlays go over any config of ours, one after the other."""

from pathlib import Path

import pytest
from mmengine.config import Config
from mmpose.registry import MODELS

from tests.conftest import ROOT
from vlpose_mm import config_path

OVERLAYS = sorted((ROOT / 'configs/_base_/overlays').glob('*.py'))
USER = """
_base_ = ['{base}', __import__('vlpose_mm').config_path('_base_/overlays/{name}.py')]
model = _base_.pop('overlay')
"""


def put_over(base: Path | str, name: str, folder: Path) -> Path:
    path = folder / f'{name}.py'
    path.write_text(USER.format(base=base, name=name))
    return path


@pytest.mark.parametrize('path', OVERLAYS, ids=lambda path: path.stem)
def test_an_overlay_is_a_part_of_a_model(path: Path, tmp_path: Path) -> None:
    cfg = Config.fromfile(path)
    assert cfg.keys() == {'overlay'}
    base = config_path(
        'body_2d_keypoint/vlpose/humanart/td-hm_VLPose-lora-base_8xb64-210e_humanart-256x192.py'
    )
    mine, ours = Config.fromfile(put_over(base, path.stem, tmp_path)), Config.fromfile(base)
    ours.merge_from_dict(dict(model=cfg.overlay.to_dict()))
    assert mine.to_dict() == ours.to_dict()


def test_overlays_go_over_each_other(small_config: Path, tmp_path: Path) -> None:
    path = small_config
    for name in ('shallow_prompts', 'auto_route', 'scenario_classifier'):
        path = put_over(path, name, tmp_path)
    cfg = Config.fromfile(path)
    assert not cfg.model.backbone.visual_prompt.deep and cfg.model.backbone.lora.rank == 16
    model = MODELS.build(cfg.model)
    assert model.test_cfg['flip_test']
    assert model.route == 'auto' and model.scenario_classifier is not None


@pytest.mark.parametrize('name', ['auto_route', 'scenario_classifier'])
def test_by_default_what_is_known_takes_the_tuned_route(
    name: str, small_config: Path, tmp_path: Path
) -> None:
    model = MODELS.build(Config.fromfile(put_over(small_config, name, tmp_path)).model)
    assert model.route == 'auto'
    rows = {key: model.router.table[key] for key in ('text_prompt', 'scenario', 'none')}
    assert rows == dict(text_prompt='tuned', scenario='tuned', none='original')
