"""Run a tool as ``python -m`` does, in this process."""

import json
import runpy
import sys
from collections import OrderedDict

import pytest
from mmengine.logging import MMLogger


def json_output(name: str, args: tuple, capsys: pytest.CaptureFixture) -> dict:
    """What ``--json -`` writes to the standard output, where nothing else may be."""
    command = [name, *map(str, args), '--json', '-']
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, 'argv', command)
        # Loggers of other tests have other outputs.
        patch.setattr(MMLogger, '_instance_dict', OrderedDict())
        patch.delitem(sys.modules, f'vlpose_mm.tools.{name}', raising=False)
        capsys.readouterr()
        runpy.run_module(f'vlpose_mm.tools.{name}', run_name='__main__')
    return json.loads(capsys.readouterr().out)
