"""One import of the package patches the whole stack."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.device import get_device

ROOT = Path(__file__).parents[2]
CODE = """
import logging
import vlpose_mm.compat as compat
compat.apply_patches()
compat.apply_patches()
import mmpose.models, mmpose.datasets, mmpose.visualization, mmdet.models
import transformers, torchvision
from mmcv.utils import collect_env
print('MMCV Compiler:', collect_env()['MMCV Compiler'])
"""


@pytest.fixture(scope='module')
def output() -> str:
    """What a fresh process prints that patches the stack and imports all of it."""
    result = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', CODE],
        env=dict(os.environ, PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout + result.stderr


def test_mmpose_mmdet_and_transformers_import_after_the_patches(output):
    assert 'MMCV Compiler:' in output


def test_each_patch_that_is_needed_says_so_once_at_info(output):
    from vlpose_mm.compat.mmcv_ops import _compiled_is_missing
    from vlpose_mm.compat.torchvision import _library

    lines = [line for line in output.splitlines() if 'compat: ' in line]
    needed = {
        'torchvision cannot load': _library is not None,
        'mmcv-lite has no compiled operators': _compiled_is_missing(),
        'MMEngine reads checkpoints': torch.__version__ >= (2, 6),
        'there is no accelerator': get_device() == 'cpu',
    }
    for message, is_needed in needed.items():
        assert sum(f' - INFO - compat: {message}' in line for line in lines) == is_needed
    assert len(lines) == sum(needed.values())
