"""Where the package finds its configs."""

from pathlib import Path

import pytest

from vlpose_mm.paths import config_path

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
NAMES = sorted(p.relative_to(CONFIGS).as_posix() for p in CONFIGS.rglob('*.py'))


@pytest.mark.parametrize('name', NAMES)
def test_config_is_found_by_its_path_below_configs(name):
    assert Path(config_path(name)).is_absolute()
    assert Path(config_path(name)).samefile(CONFIGS / name)


def test_mistyped_name_is_answered_with_the_right_one():
    name = next(n for n in NAMES if n.startswith('body_2d_keypoint'))
    wrong = name.replace('body_2d', 'body2d')
    with pytest.raises(FileNotFoundError) as error:
        config_path(wrong)
    assert repr(wrong) in str(error.value)
    assert name in str(error.value)


def test_bare_file_name_is_answered_with_its_whole_path():
    name = next(n for n in NAMES if n.startswith('body_2d_keypoint'))
    with pytest.raises(FileNotFoundError, match=name):
        config_path(Path(name).stem)


def test_unlike_name_is_answered_with_all_names():
    with pytest.raises(FileNotFoundError) as error:
        config_path('?')
    assert [n for n in NAMES if n not in str(error.value)] == []


@pytest.mark.parametrize(
    'name', ['../setup.py', 'body_2d_keypoint', '', str(CONFIGS.parent / 'setup.py')]
)
def test_what_is_no_config_is_not_found(name):
    with pytest.raises(FileNotFoundError):
        config_path(name)
