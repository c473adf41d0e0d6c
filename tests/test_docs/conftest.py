"""The installed wheel."""

from tests.test_packaging.conftest import build, command, site, wheel

__all__ = ['build', 'command', 'site', 'wheel']
