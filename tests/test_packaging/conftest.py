"""What the packaging tests share: a copy of the checkout, its wheel, and an install.

Nothing here reaches a package index, and nothing is written to the checkout.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

Command = Callable[..., str]


@pytest.fixture(scope='session')
def command(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """Run Python outside the checkout; return what it prints."""
    home = tmp_path_factory.mktemp('home')

    def run(*args: object, path: Path | None = None, cwd: Path | None = None) -> str:
        env = dict(os.environ, HOME=str(home), PIP_NO_INDEX='1', PYTHONWARNINGS='ignore')
        # openmim adds a page of mmcv wheels to what pip searches.
        env['MMCV_BASE_URL'] = home.as_uri()
        env.pop('PYTHONPATH', None)
        if path is not None:
            env['PYTHONPATH'] = str(path)
        done = subprocess.run(
            [sys.executable, *map(str, args)],
            cwd=cwd or home,
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture(scope='session')
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout that a build may write to."""
    target = tmp_path_factory.mktemp('source') / 'checkout'
    ignore = shutil.ignore_patterns(
        '.git',
        '.venv',
        '.mim',
        '.*_cache',
        '__pycache__',
        '*.egg-info',
        'build',
        'data',
        'work_dirs',
    )
    shutil.copytree(ROOT, target, ignore=ignore)
    return target


@pytest.fixture(scope='session')
def wheel(source: Path, command: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that pip builds."""
    target = tmp_path_factory.mktemp('wheel')
    command('-m', 'pip', 'wheel', '--no-deps', '--no-build-isolation', '-w', target, source)
    (path,) = target.iterdir()
    return path


@pytest.fixture(scope='session')
def site(wheel: Path, command: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder that holds the installed wheel, to put on Python's path."""
    target = tmp_path_factory.mktemp('site')
    command('-m', 'pip', 'install', '--no-deps', '--target', target, wheel)
    return target


@pytest.fixture(scope='session')
def config_name() -> str:
    """Name of one of the configs, as ``config_path`` takes it."""
    configs = ROOT / 'configs'
    path = min((configs / 'body_2d_keypoint' / 'vlpose' / 'humanart').glob('*.py'))
    return path.relative_to(configs).as_posix()


@pytest.fixture
def user_config(config_name: str, tmp_path: Path) -> Path:
    """Config outside the checkout that builds on ours and changes one value."""
    path = tmp_path / 'mine.py'
    path.write_text(
        f"_base_ = __import__('vlpose_mm').config_path('{config_name}')\n"
        'train_cfg = dict(max_epochs=7)\n'
    )
    return path
