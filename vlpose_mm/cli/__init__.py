"""The command ``vlpose``."""

from vlpose_mm.cli.command import main

__all__ = ['main']
