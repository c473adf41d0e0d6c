"""The config of an adapter for other machines."""

from pathlib import Path

import pytest
from mmengine.config import Config

from vlpose_mm.checkpoint.portable_config import base_name, portable_config
from vlpose_mm.names import MINILM, find_entry

URL = 'https://example.org/vitpose.pth'
VITPOSE = 'td-hm_ViTPose-base_8xb64-210e_humanart-256x192'


@pytest.mark.parametrize(
    ('place', 'name'),
    [
        (URL, URL),
        ('/home/me/weights/vitpose.pth', 'vitpose.pth'),
        ('~/vitpose.pth', 'vitpose.pth'),
        ('weights/vitpose.pth', 'weights/vitpose.pth'),
        ('real-small', 'real-small'),
        ('/opt/projects/real_small/vitpose_real_small.pth', 'real-small'),
        (VITPOSE, find_entry(VITPOSE)['Weights']),
    ],
)
def test_a_base_is_named_so_that_others_find_it(place: str, name: str) -> None:
    assert base_name(place) == name


def test_a_base_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="Unknown model 'my-vit'"):
        base_name('my-vit')


@pytest.mark.fast
def test_no_path_of_this_machine_is_in_it() -> None:
    cfg = Config(
        dict(
            model=dict(text_encoder=None, base_weights='/home/me/vitpose.pth'),
            data_root='/home/me/data/',
            work_dir='work_dirs/toon',
            pipeline=[dict(file='/home/me/a.json'), ('~/b.json', 3)],
            load_from=URL,
        )
    )
    portable = portable_config(cfg)
    assert '/home/me' not in portable.pretty_text
    assert portable.model.base_weights == portable.load_from == 'vitpose.pth'
    assert portable.data_root == 'data/' and portable.work_dir == 'work_dirs/toon'
    assert portable.pipeline == [dict(file='a.json'), ('b.json', 3)]
    assert portable_config(cfg, 'real-small').model.base_weights == 'real-small'
    assert cfg.data_root == '/home/me/data/'


def test_a_text_encoder_of_the_hub_or_a_package_stays_and_a_folder_does_not(
    minilm: str, tmp_path: Path
) -> None:
    def shared(**encoder: object) -> dict:
        cfg = dict(model=dict(text_encoder=dict(type='TransformersTextEncoder', **encoder)))
        return portable_config(Config(cfg)).model.text_encoder

    assert shared(pretrained='org/blip').pretrained == 'org/blip'
    assert shared(pretrained=minilm).pretrained == f'{MINILM}/model'
    assert shared(pretrained=str(tmp_path), combine='mean') == dict(
        type='PrecomputedTextEncoder', path='', combine='mean'
    )
    with pytest.raises(ValueError, match=f'is the folder {tmp_path}, which others do not'):
        shared(pretrained=str(tmp_path), context_tokens=4)
