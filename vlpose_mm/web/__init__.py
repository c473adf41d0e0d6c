"""A page in the browser: drop an image, say what it is, compare both skeletons."""

from vlpose_mm.web.command import main

__all__ = ['main']
