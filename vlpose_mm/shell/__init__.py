"""The command ``vlpose``."""

from vlpose_mm.shell.command import main

__all__ = ['main']
