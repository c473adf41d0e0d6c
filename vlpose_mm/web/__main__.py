"""``python -m vlpose_mm.web``."""

import sys

from vlpose_mm.cli.main import main

if __name__ == '__main__':
    sys.exit(main(['web', *sys.argv[1:]]))
