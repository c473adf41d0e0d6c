"""``import vlpose_mm`` costs what importing MMPose does."""

import os
import subprocess
import sys

from tests.conftest import ROOT

# MMPose needs the patches, which the package applies: it is first put in its place without
# being executed, as in the console script.
CODE = """
import sys
from importlib.util import find_spec, module_from_spec
package = module_from_spec(find_spec('vlpose_mm'))
sys.modules['vlpose_mm'] = package
import vlpose_mm.compat
vlpose_mm.compat.apply_patches()
import mmpose.apis, mmpose.datasets, mmpose.engine, mmpose.evaluation, mmpose.models
import mmpose.visualization
before = set(sys.modules)
package.__spec__.loader.exec_module(package)
assert package.VLPoseInferencer
print(*sorted(set(sys.modules) - before))
"""


def test_the_import_adds_nothing_but_its_own_modules_to_those_of_mmpose() -> None:
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', CODE],
        env=dict(os.environ, PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
    )
    assert done.stderr == '' and done.returncode == 0
    added = done.stdout.split()
    assert 'vlpose_mm.apis.inferencer' in added
    assert [name for name in added if not name.startswith('vlpose_mm.')] == []
