"""``vlpose`` and its commands."""

import sys
from collections.abc import Sequence
from importlib import import_module

from vlpose_mm.cli import models
from vlpose_mm.cli.options import (
    parse_demo,
    parse_models,
    parse_predict,
    parse_push,
)
from vlpose_mm.tools.errors import command
from vlpose_mm.web.options import parse_web

# What reads the options of a command, and the module that then does its work. That needs
# PyTorch and MMPose, which take seconds to import.
PREDICT = (parse_predict, 'vlpose_mm.cli.predict')
COMMANDS = dict(
    demo=(parse_demo, 'vlpose_mm.cli.demo'),
    push=(parse_push, 'vlpose_mm.cli.push'),
    web=(parse_web, 'vlpose_mm.web.command'),
)


@command
def main(args: Sequence[str] | None = None) -> int | None:
    """Run a command, or estimate poses if none is named."""
    args = sys.argv[1:] if args is None else list(args)
    name = args[0] if args else None
    if name == 'models':
        parse_models(args[1:])
        return models.main()
    parse, work = COMMANDS.get(name, PREDICT)
    options = parse(args[1:] if name in COMMANDS else args)
    _execute_package()
    return import_module(work).main(options)


def _execute_package() -> None:
    """Execute ``vlpose_mm/__init__.py``, unless it was: ``vlpose_mm_cli`` puts it off."""
    package = sys.modules['vlpose_mm']
    if not hasattr(package, '__version__'):
        package.__spec__.loader.exec_module(package)
