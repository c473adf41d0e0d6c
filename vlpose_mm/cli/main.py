"""``vlpose`` and its commands."""

import sys
from collections.abc import Sequence

from vlpose_mm.cli import demo, models, predict
from vlpose_mm.tools.common import command
from vlpose_mm.web import command as web

COMMANDS = dict(demo=demo.main, web=web.main, models=models.main)


@command
def main(args: Sequence[str] | None = None) -> int | None:
    """Run a command, or estimate poses if none is named."""
    args = sys.argv[1:] if args is None else list(args)
    if args and args[0] in COMMANDS:
        return COMMANDS[args[0]](args[1:])
    return predict.main(args)
