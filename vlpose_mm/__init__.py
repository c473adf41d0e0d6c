"""VLPose for MMPose: language-vision tuning of human pose estimators.

Importing this package patches the installed stack where it is broken (``compat``) and
registers the modules of VLPose in MMPose's registries.
"""

# ruff: noqa: E402, I001, UP036
import sys

# Above everything that older ones cannot read.
if sys.version_info < (3, 10):
    raise ImportError(
        f'vlpose_mm needs Python 3.10 or later, not {sys.version.split()[0]}; make an '
        'environment with a supported one.'
    )

import warnings

from vlpose_mm.interrupts import hide_interrupts
from vlpose_mm.requirements import check_requirements

# `python -m vlpose_mm.x` imports the package while it looks for the module.
if sys.argv[:1] == ['-m']:
    hide_interrupts()

check_requirements()

# MMEngine imports it, and every command would print the warning.
warnings.filterwarnings('ignore', 'pkg_resources is deprecated', UserWarning)
# MMDetection's CSPNeXt calls it, the backbone of RTMPose and of the detectors.
warnings.filterwarnings('ignore', '`torch.cuda.amp.autocast', FutureWarning)
# Its detectors call it, and so does torch itself.
warnings.filterwarnings('ignore', 'torch.meshgrid: in an upcoming release', UserWarning)

from vlpose_mm import compat

# Before anything that imports torchvision, mmcv's operators or a checkpoint.
compat.apply_patches()

from vlpose_mm import datasets, engine, evaluation, models, visualization
from vlpose_mm.apis import VLPoseInferencer
from vlpose_mm.paths import config_path
from vlpose_mm.version import __version__

__all__ = [
    'VLPoseInferencer',
    '__version__',
    'compat',
    'config_path',
    'datasets',
    'engine',
    'evaluation',
    'models',
    'visualization',
]
