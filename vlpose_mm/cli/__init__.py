"""The command ``vlpose``."""
