"""A copy of the checkout, its wheel, and an install of it.

No package index is read, and nothing is written to the checkout.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT

IGNORED = '.git .venv .mim .*_cache __pycache__ *.egg-info build data work_dirs'.split()


@pytest.fixture(scope='session')
def command(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Run Python outside the checkout; return what it prints."""
    home = tmp_path_factory.mktemp('home')

    def run(*args: object, path: Path | None = None, cwd: Path = home) -> str:
        env = dict(os.environ, HOME=str(home), PIP_NO_INDEX='1', PYTHONWARNINGS='ignore')
        # openmim adds a page of mmcv wheels to what pip searches.
        env['MMCV_BASE_URL'] = home.as_uri()
        env.pop('PYTHONPATH', None)
        if path is not None:
            env['PYTHONPATH'] = str(path)
        done = subprocess.run(
            [sys.executable, *map(str, args)],
            cwd=cwd,
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A copy of the checkout that a build may write to."""
    return copy_checkout(tmp_path / 'checkout')


def copy_checkout(target: Path) -> Path:
    return shutil.copytree(ROOT, target, ignore=shutil.ignore_patterns(*IGNORED))


@pytest.fixture(scope='session')
def build(command: Callable, shared_folder: Callable) -> Path:
    """Folder with a copy of the checkout, after pip built the wheel beside it from it."""

    def fill(folder: Path) -> None:
        source = copy_checkout(folder / 'checkout')
        options = ('--no-deps', '--no-build-isolation', '-w', folder)
        command('-m', 'pip', 'wheel', *options, source)

    return shared_folder('build', fill)


@pytest.fixture(scope='session')
def wheel(build: Path) -> Path:
    """The wheel that pip builds."""
    (path,) = build.glob('*.whl')
    return path


@pytest.fixture(scope='session')
def site(wheel: Path, command: Callable, shared_folder: Callable) -> Path:
    """Folder that holds the installed wheel, to put on Python's path."""

    def fill(folder: Path) -> None:
        command('-m', 'pip', 'install', '--no-deps', '--target', folder, wheel)

    return shared_folder('site', fill)


@pytest.fixture(scope='session')
def config_name() -> str:
    """Name of one of the configs, as ``config_path`` takes it."""
    configs = ROOT / 'configs'
    path = min((configs / 'body_2d_keypoint/vlpose/humanart').glob('*.py'))
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
