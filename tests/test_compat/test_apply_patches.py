"""One import of the package patches the whole stack."""

import os
import pkgutil
import subprocess
import sys

import torch
import xtcocotools
from mmengine.device import get_device
from mmengine.utils import package_utils

from tests.conftest import ROOT
from vlpose_mm.compat import find_loader, packages
from vlpose_mm.compat import xtcocotools as compat_xtcocotools
from vlpose_mm.compat.mmcv_ops import _compiled_is_missing
from vlpose_mm.compat.torchvision import _library

CODE = """
import logging
logging.basicConfig(level='DEBUG')
import vlpose_mm.compat as compat
compat.apply_patches()
compat.apply_patches()
import mmpose.models, mmpose.datasets, mmpose.visualization, mmdet.models
import transformers, torchvision
from mmcv.utils import collect_env
print('MMCV Compiler:', collect_env()['MMCV Compiler'])
"""


def test_after_the_patches_all_imports_work_and_each_that_was_needed_is_logged_once():
    result = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', CODE],
        env=dict(os.environ, PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert 'MMCV Compiler:' in result.stdout
    lines = [line for line in result.stderr.splitlines() if 'vlpose_mm' in line]
    needed = {
        'torchvision cannot load': _library is not None,
        'mmcv-lite has no compiled operators': _compiled_is_missing(),
        'xtcocotools cannot be imported': xtcocotools is compat_xtcocotools,
        'setuptools has no': package_utils.is_installed is packages.is_installed,
        'pkgutil has no': pkgutil.find_loader is find_loader._find_loader,
        'MMEngine reads checkpoints': torch.__version__ >= (2, 6),
        'there is no accelerator': get_device() == 'cpu',
        'MMPose draws the circles': True,
    }
    for message, is_needed in needed.items():
        start = f'DEBUG:vlpose_mm.compat:{message}'
        assert sum(line.startswith(start) for line in lines) == is_needed
    assert len(lines) == sum(needed.values())
