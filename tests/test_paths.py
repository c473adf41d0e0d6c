"""Paths of the configs."""

from pathlib import Path

import pytest

from tests.conftest import ROOT
from vlpose_mm.paths import config_path

CONFIGS = ROOT / 'configs'
NAMES = sorted(p.relative_to(CONFIGS).as_posix() for p in CONFIGS.rglob('*.py'))
CONFIG = next(n for n in NAMES if n.startswith('body_2d_keypoint'))


def test_a_config_is_found_by_its_path_below_configs() -> None:
    for name in NAMES:
        assert Path(config_path(name)).is_absolute()
        assert Path(config_path(name)).samefile(CONFIGS / name)


def test_a_config_of_a_model_in_the_package_is_found_from_projects_on() -> None:
    name = 'projects/real_small/configs/vlpose_real_small_custom.py'
    assert Path(config_path(name)).samefile(ROOT / name)


@pytest.mark.fast
@pytest.mark.parametrize(
    ('wrong', 'hints'),
    [
        (CONFIG.replace('body_2d', 'body2d'), [CONFIG]),
        (Path(CONFIG).stem, [CONFIG]),
        # Unlike any name.
        ('?', NAMES),
        ('../setup.py', []),
        ('projects/../setup.py', []),
        ('body_2d_keypoint', []),
        ('', []),
        (str(ROOT / 'setup.py'), []),
    ],
    ids=['typo', 'bare', 'unlike', 'outside', 'beside', 'folder', 'empty', 'absolute'],
)
def test_what_is_not_a_config_is_answered_with_those_it_may_mean(
    wrong: str, hints: list[str]
) -> None:
    with pytest.raises(FileNotFoundError) as error:
        config_path(wrong)
    assert repr(wrong) in str(error.value)
    assert [name for name in hints if name not in str(error.value)] == []
