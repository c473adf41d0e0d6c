"""The routing overlays put the route 'auto' on any config."""

from pathlib import Path

import pytest
from mmengine.config import Config
from mmpose.registry import MODELS

USER = """
_base_ = [
    '{user}', __import__('vlpose_mm').config_path('_base_/routing/{overlay}.py')
]
model = _base_.routing
"""


@pytest.mark.parametrize('overlay', ['auto', 'auto_scenario'])
def test_an_overlay_lets_every_image_take_its_own_route(
    overlay: str, small_config: Path, tmp_path: Path
) -> None:
    path = tmp_path / 'mine.py'
    path.write_text(USER.format(user=small_config, overlay=overlay))
    cfg = Config.fromfile(path)
    model = MODELS.build(cfg.model)
    assert model.route == 'auto' and model.test_cfg['flip_test']
    assert (model.scenario_classifier is not None) == (overlay == 'auto_scenario')
    rows = {name: model.router.table[name] for name in ('text_prompt', 'scenario', 'none')}
    assert rows == dict(text_prompt='tuned', scenario='tuned', none='original')
    hooks = [hook['type'] for hook in cfg.get('scenario_hooks', [])]
    assert hooks == ['ScenarioClassifierHook'] * (overlay == 'auto_scenario')
