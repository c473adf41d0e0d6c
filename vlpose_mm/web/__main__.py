"""``python -m vlpose_mm.web``."""

from vlpose_mm.web.command import main

if __name__ == '__main__':
    main()
