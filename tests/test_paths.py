"""Paths of the configs."""

from pathlib import Path

import pytest

from vlpose_mm.paths import config_path

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
NAMES = sorted(p.relative_to(CONFIGS).as_posix() for p in CONFIGS.rglob('*.py'))
CONFIG = next(n for n in NAMES if n.startswith('body_2d_keypoint'))


def test_a_config_is_found_by_its_path_below_configs():
    for name in NAMES:
        assert Path(config_path(name)).is_absolute()
        assert Path(config_path(name)).samefile(CONFIGS / name)


@pytest.mark.fast
@pytest.mark.parametrize(
    'wrong', [CONFIG.replace('body_2d', 'body2d'), Path(CONFIG).stem], ids=['typo', 'bare']
)
def test_a_mistyped_name_is_answered_with_the_right_one(wrong):
    with pytest.raises(FileNotFoundError) as error:
        config_path(wrong)
    assert repr(wrong) in str(error.value) and CONFIG in str(error.value)


def test_an_unlike_name_is_answered_with_all_names():
    with pytest.raises(FileNotFoundError) as error:
        config_path('?')
    assert [n for n in NAMES if n not in str(error.value)] == []


@pytest.mark.parametrize(
    'name', ['../setup.py', 'body_2d_keypoint', '', str(CONFIGS.parent / 'setup.py')]
)
def test_what_is_not_a_config_is_not_found(name):
    with pytest.raises(FileNotFoundError):
        config_path(name)
