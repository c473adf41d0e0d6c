"""The model index, and the README's table of the configs that it lists."""

import re

import pytest
import yaml
from mmengine.config import Config

from tests.conftest import ROOT
from vlpose_mm.analysis.complexity import model_complexity

METAFILES = yaml.safe_load((ROOT / 'model-index.yml').read_text())['Import']
MODELS = [m for f in METAFILES for m in yaml.safe_load((ROOT / f).read_text())['Models']]


def test_every_config_is_listed_once_by_its_name_with_its_weights() -> None:
    configs = ROOT.glob('configs/body_2d_keypoint/vlpose/*/*.py')
    listed = [model['Config'] for model in MODELS]
    assert sorted(listed) == sorted(p.relative_to(ROOT).as_posix() for p in configs)
    assert len({model['Name'] for model in MODELS}) == len(MODELS)
    for model in MODELS:
        assert model['Config'].endswith(f'/{model["Name"]}.py')
        assert model['Weights'] == Config.fromfile(ROOT / model['Config']).load_from
        assert not model['Results']


@pytest.mark.slow
def test_the_readme_lists_every_config_with_its_cost() -> None:
    folder = ROOT / 'configs/body_2d_keypoint/vlpose/humanart'
    row = r'^\| \[.*?\]\((.*?)\) \|.*?\|.*?\|.*?\| (.*) \|$'
    table = dict(re.findall(row, (folder / 'README.md').read_text(), re.M))
    assert table.keys() == {path.name for path in folder.glob('*.py')}
    for name, shown in table.items():
        cfg = Config.fromfile(folder / name)
        # As wide as BLIP-base's, and as many tokens as the default text prompt has.
        cfg.model.text_encoder = dict(
            type='RandomTextEncoder', embed_dims=768, num_tokens=7
        )
        found = model_complexity(cfg)
        params = [f'{found["total"]["trainable"] / 1e6:.2f} M']
        params += [f'{found["total"]["params"] / 1e6:.1f} M']
        flops = [f'{found["flops"][route] / 1e9:.2f} G' for route in ('original', 'tuned')]
        assert shown == ' | '.join(params + flops)
