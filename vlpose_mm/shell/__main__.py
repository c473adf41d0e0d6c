"""``python -m vlpose_mm.shell``."""

import sys

from vlpose_mm.shell.command import main

if __name__ == '__main__':
    sys.exit(main())
