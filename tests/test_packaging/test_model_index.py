"""The model index and what it lists."""

import re

import pytest
import yaml
from mmengine.config import Config

from tests.conftest import ROOT
from vlpose_mm.analysis.complexity import model_complexity

METAFILES = yaml.safe_load((ROOT / 'model-index.yml').read_text())['Import']
MODELS = [m for f in METAFILES for m in yaml.safe_load((ROOT / f).read_text())['Models']]


def test_lists_every_config_once() -> None:
    configs = ROOT.glob('configs/body_2d_keypoint/vlpose/*/*.py')
    listed = [model['Config'] for model in MODELS]
    assert sorted(listed) == sorted(p.relative_to(ROOT).as_posix() for p in configs)
    assert len({model['Name'] for model in MODELS}) == len(MODELS)


@pytest.mark.parametrize('model', MODELS, ids=lambda model: model['Name'])
def test_an_entry_is_named_as_its_config_and_has_its_weights(model: dict) -> None:
    assert model['Config'].endswith(f'/{model["Name"]}.py')
    assert model['Weights'] == Config.fromfile(ROOT / model['Config']).load_from


def test_no_result_is_listed() -> None:
    assert not any(model['Results'] for model in MODELS)


@pytest.mark.slow
def test_the_readme_lists_every_config_with_its_cost() -> None:
    folder = ROOT / 'configs/body_2d_keypoint/vlpose/humanart'
    table = re.findall(
        r'^\| \[.*?\]\((.*?)\) \|.*?\|.*?\|.*?\| (.*) \|$',
        (folder / 'README.md').read_text(),
        re.M,
    )
    assert {name for name, _ in table} == {path.name for path in folder.glob('*.py')}
    for name, shown in table:
        cfg = Config.fromfile(folder / name)
        # As wide as BLIP-base's, and as many tokens as the default text prompt has.
        cfg.model.text_encoder = dict(
            type='RandomTextEncoder', embed_dims=768, num_tokens=7
        )
        found = model_complexity(cfg)
        total, flops = found['total'], found['flops']
        figures = [
            f'{total["trainable"] / 1e6:.2f} M',
            f'{total["params"] / 1e6:.1f} M',
            f'{flops["original"] / 1e9:.2f} G',
            f'{flops["tuned"] / 1e9:.2f} G',
        ]
        assert shown == ' | '.join(figures)
