"""Commands, each runnable as ``python -m vlpose_mm.tools.NAME``."""
