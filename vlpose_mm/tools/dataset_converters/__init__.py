"""Converters of data sets, each runnable as
``python -m vlpose_mm.tools.dataset_converters.NAME``."""
