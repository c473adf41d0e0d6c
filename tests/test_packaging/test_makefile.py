"""When ``make`` makes the environment again, and when it takes the one that is there.

A stand-in for Python writes down its arguments and installs nothing.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PYTHON = """#!/bin/sh
echo "$*" >> log
case "$*" in
    -c*) echo ok ;;
    *venv*) rm -rf .venv && mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
    *--editable*) exit "${INSTALL_STATUS:-0}" ;;
esac
"""


class Checkout:
    """Folder with what the Makefile reads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        shutil.copytree(ROOT / 'requirements', path / 'requirements')
        for name in ('Makefile', 'setup.py', 'pyproject.toml'):
            shutil.copy(ROOT / name, path)
        (path / 'python').write_text(PYTHON)
        (path / 'python').chmod(0o755)

    def make(self, target: str = 'env', **env: str) -> tuple[int, str]:
        """Exit status of make, and what Python was asked to do."""
        log = self.path / 'log'
        log.unlink(missing_ok=True)
        done = subprocess.run(
            ['make', target, f'PYTHON={self.path / "python"}'],
            cwd=self.path,
            env=os.environ | env,
            capture_output=True,
        )
        return done.returncode, log.read_text()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """Checkout whose environment has been made."""
    made = Checkout(tmp_path / 'checkout')
    status, log = made.make()
    assert status == 0
    assert '-m venv --clear .venv' in log
    assert '--editable .' in log
    return made


def test_environment_is_reused(checkout):
    status, log = checkout.make()
    assert status == 0
    assert 'venv' not in log
    assert 'pip' not in log


def touch(name: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        with open(path / name, 'a') as file:
            file.write('\n')

    return change


@pytest.mark.parametrize(
    'change',
    [
        touch('requirements/constraints.txt'),
        touch('requirements/new.txt'),
        touch('setup.py'),
        lambda path: (path / '.venv/bin/python').unlink(),
    ],
    ids=['constraint', 'requirement', 'build script', 'broken interpreter'],
)
def test_a_change_makes_the_environment_again(checkout, change):
    change(checkout.path)
    status, log = checkout.make()
    assert status == 0
    assert '-m venv --clear .venv' in log


def test_an_incomplete_environment_is_made_again(checkout):
    (checkout.path / 'setup.py').write_text('')
    status, log = checkout.make(INSTALL_STATUS='1')
    assert status != 0
    status, log = checkout.make()
    assert status == 0
    assert '-m venv --clear .venv' in log


def test_a_moved_checkout_gets_an_environment_of_its_own(checkout, tmp_path):
    checkout.path = checkout.path.rename(tmp_path / 'moved')
    status, log = checkout.make()
    assert status == 0
    assert '-m venv --clear .venv' in log


@pytest.mark.parametrize(
    'target, command',
    [
        ('demo', '-m projects.mini_humanart.demo'),
        ('test', '--durations=20'),
        ('test-fast', '-m pytest -n auto --dist worksteal -m fast'),
    ],
)
def test_commands_run_in_the_environment(checkout, target, command):
    shutil.rmtree(checkout.path / '.venv')
    status, log = checkout.make(target)
    assert status == 0
    assert log.index('--editable .') < log.index(command)
