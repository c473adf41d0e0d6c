"""``python -m vlpose_mm.cli``."""

import sys

from vlpose_mm.cli.command import main

if __name__ == '__main__':
    sys.exit(main())
