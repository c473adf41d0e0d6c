"""The console script ``vlpose``, which answers without PyTorch where it can.

Importing any ``vlpose_mm.x`` executes ``vlpose_mm/__init__.py`` first, which imports
PyTorch and MMPose. So the package is put in its place here without being executed; the
command executes it when its options are right and there is work to do.
"""

import sys
from importlib.util import find_spec, module_from_spec


def main():
    """Run the command."""
    try:
        sys.modules['vlpose_mm'] = module_from_spec(find_spec('vlpose_mm'))
        from vlpose_mm.cli.main import main as run
    except KeyboardInterrupt:
        print('Interrupted.', file=sys.stderr)
        return 130
    return run()
