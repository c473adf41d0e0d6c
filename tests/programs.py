"""Run Python programs in this process, as if in one of their own."""

import io
import os
import runpy
import sys
import traceback
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mmengine.utils import ManagerMixin


def run_script(command: list[str], cwd: Path) -> tuple[bool, str]:
    """Run ``FILE``, ``-m MODULE`` or ``-c CODE`` with arguments, as Python in a folder.

    Returns:
        tuple[bool, str]: Whether it fails, and what it prints.
    """
    if command[0] == '-m':
        name, *args = command[1:]
        return run(lambda: runpy.run_module(name, run_name='__main__'), cwd, [name, *args])
    if command[0] == '-c':
        return run(lambda: exec(command[1], {}), cwd, ['-c', *command[2:]])
    return run(lambda: runpy.run_path(command[0], run_name='__main__'), cwd, command)


def run(call: Callable[[], object], cwd: Path, argv: list[str]) -> tuple[bool, str]:
    """Call a function as :func:`run_script` runs a program."""
    with pytest.MonkeyPatch.context() as patch, io.StringIO() as output:
        patch.chdir(cwd)
        patch.setattr(sys, 'argv', argv)
        patch.setattr(sys, 'path', [os.path.dirname(argv[0]), str(cwd), *sys.path])
        patch.setattr(sys, 'stdout', output)
        patch.setattr(sys, 'stderr', output)
        # MMPose's tools set it.
        patch.setenv('LOCAL_RANK', '0')
        # MMEngine's loggers, message hubs and visualizers are global by their names.
        for cls in manager_classes(ManagerMixin):
            patch.setattr(cls, '_instance_dict', OrderedDict())
        try:
            call()
            failed = False
        except (Exception, SystemExit) as error:
            failed = getattr(error, 'code', 1) not in (0, None)
            if failed:
                traceback.print_exc(file=output)
        return failed, output.getvalue()


def manager_classes(cls: type) -> Iterator[type]:
    """All classes below one of MMEngine's that keeps its instances by name."""
    for child in cls.__subclasses__():
        yield child
        yield from manager_classes(child)
