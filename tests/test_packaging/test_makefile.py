"""When ``make`` makes the environment again, and when it takes the one that is there.

A stand-in for Python writes down its arguments and installs nothing.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

PYTHON = """#!/bin/sh
echo "$*" >> log
case "$*" in
    -c*) echo ok ;;
    *venv*) rm -rf .venv && mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
    *--editable*) exit "${INSTALL_STATUS:-0}" ;;
esac
"""


def make(checkout: Path, target: str = 'env', **env: str) -> str:
    """Run make; return what Python was asked to do, and raise if make fails."""
    log = checkout / 'log'
    log.unlink(missing_ok=True)
    subprocess.run(
        ['make', target, f'PYTHON={checkout / "python"}'],
        cwd=checkout,
        env=os.environ | env,
        check=True,
        capture_output=True,
    )
    return log.read_text()


def makes_environment(log: str) -> bool:
    return '-m venv --clear .venv' in log and '--editable .' in log


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What the Makefile reads, after the environment has been made."""
    path = tmp_path / 'checkout'
    shutil.copytree(ROOT / 'requirements', path / 'requirements')
    for name in ('Makefile', 'setup.py', 'pyproject.toml'):
        shutil.copy(ROOT / name, path)
    (path / 'python').write_text(PYTHON)
    (path / 'python').chmod(0o755)
    assert makes_environment(make(path))
    return path


@pytest.mark.parametrize(
    'name', ['requirements/constraints-numpy1.txt', 'requirements/new.txt', 'setup.py']
)
def test_the_environment_is_reused_until_what_it_is_made_from_changes(
    checkout: Path, name: str
) -> None:
    log = make(checkout)
    assert 'venv' not in log and 'pip' not in log
    with open(checkout / name, 'a') as file:
        file.write('\n')
    assert makes_environment(make(checkout))


@pytest.mark.parametrize(('minor', 'numpy'), [(10, 1), (12, 1), (13, 2), (14, 2)])
def test_the_tested_versions_are_those_of_the_numpy_with_wheels_for_the_python(
    checkout: Path, minor: int, numpy: int
) -> None:
    python = checkout / 'python'
    choose = (
        f'case "$2" in *"print(1 if"*) exec {sys.executable} -c '
        f'"import sys; sys.version_info = (3, {minor}); $(echo "$2" | cut -d";" -f2-)";; '
        'esac\n'
    )
    python.write_text(PYTHON.replace('case', f'{choose}case', 1))
    (checkout / 'setup.py').write_text('')
    assert f'--constraint requirements/constraints-numpy{numpy}.txt' in make(checkout)
    pins = (ROOT / f'requirements/constraints-numpy{numpy}.txt').read_text()
    assert f'\nnumpy=={numpy}.' in pins


def test_a_broken_an_incomplete_and_a_moved_environment_are_made_again(
    checkout: Path, tmp_path: Path
) -> None:
    (checkout / '.venv/bin/python').unlink()
    assert makes_environment(make(checkout))
    (checkout / 'setup.py').write_text('')
    with pytest.raises(subprocess.CalledProcessError):
        make(checkout, INSTALL_STATUS='1')
    assert makes_environment(make(checkout))
    assert makes_environment(make(checkout.rename(tmp_path / 'moved')))


@pytest.mark.parametrize(
    ('target', 'command'),
    [
        ('demo', '-m projects.mini_humanart.demo'),
        ('docs', '-m sphinx -qWn'),
        ('test', '--durations=20'),
        ('test-fast', '-m pytest -n auto --dist worksteal -m fast'),
    ],
)
def test_commands_run_in_the_environment(checkout: Path, target: str, command: str) -> None:
    shutil.rmtree(checkout / '.venv')
    log = make(checkout, target)
    assert log.index('--editable .') < log.index(command)
