"""MMPose that is imported before the package."""

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

CODE = """
import sys
try:
    import mmpose.apis
except (ImportError, RuntimeError, ValueError):
    # On mmcv-lite, on a torchvision that does not load, or on an xtcocotools for NumPy 1.
    pass
import vlpose_mm
from mmpose.apis import init_model
print(type(init_model(sys.argv[1], device='cpu')).__name__)
"""


def test_mmpose_works_after_ours_where_it_has_failed_before(small_config: Path) -> None:
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', CODE, small_config],
        env=dict(os.environ, PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ['VLPoseEstimator'], done.stderr
