"""Overlays go over any config of ours, one after the other."""

from pathlib import Path

import pytest
from mmengine.config import Config
from mmpose.registry import MODELS

from tests.configs import zoo_config
from tests.conftest import ROOT

OVERLAYS = sorted((ROOT / 'configs/_base_/overlays').glob('*.py'))
USER = """
_base_ = ['{base}', __import__('vlpose_mm').config_path('_base_/overlays/{name}.py')]
model = _base_.pop('overlay')
"""


def put_over(base: Path, name: str, folder: Path) -> Path:
    path = folder / f'{name}.py'
    path.write_text(USER.format(base=base, name=name))
    return path


@pytest.mark.parametrize('path', OVERLAYS, ids=lambda path: path.stem)
def test_an_overlay_is_a_part_of_a_model(path: Path, tmp_path: Path) -> None:
    cfg = Config.fromfile(path)
    assert cfg.keys() == {'overlay'}
    base = zoo_config('lora-base')
    mine, ours = Config.fromfile(put_over(base, path.stem, tmp_path)), Config.fromfile(base)
    ours.merge_from_dict(dict(model=cfg.overlay.to_dict()))
    assert mine.to_dict() == ours.to_dict()


def test_overlays_go_over_each_other_and_known_scenarios_take_the_tuned_route(
    small_config: Path, tmp_path: Path
) -> None:
    path = small_config
    for name in ('shallow_prompts', 'auto_route', 'scenario_classifier'):
        path = put_over(path, name, tmp_path)
        model = MODELS.build(Config.fromfile(path).model)
        if name != 'shallow_prompts':
            assert model.route == 'auto'
            rows = {
                key: model.router.table[key] for key in ('text_prompt', 'scenario', 'none')
            }
            assert rows == dict(text_prompt='tuned', scenario='tuned', none='original')
    cfg = Config.fromfile(path).model
    assert not cfg.backbone.visual_prompt.deep and cfg.backbone.lora.rank == 16
    assert model.test_cfg['flip_test'] and model.scenario_classifier is not None
