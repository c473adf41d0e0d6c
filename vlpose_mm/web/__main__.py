"""``python -m vlpose_mm.web``."""

import sys

from vlpose_mm.tools.common import command
from vlpose_mm.web.command import main

if __name__ == '__main__':
    sys.exit(command(main)(sys.argv[1:]))
