"""Tools run as scripts, which is how mim starts them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.mark.slow
@pytest.mark.parametrize('name', ['evaluate', 'precompute_text_features'])
def test_the_stack_is_patched_before_a_tool_imports_mmpose(name, tmp_path: Path) -> None:
    (tmp_path / 'xtcocotools.py').write_text("raise ImportError('hidden')")
    result = subprocess.run(
        [sys.executable, '-W', 'ignore', ROOT / f'vlpose_mm/tools/{name}.py', '--help'],
        env=dict(os.environ, PYTHONPATH=f'{tmp_path}{os.pathsep}{ROOT}'),
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert f'usage: {name}.py' in result.stdout
