"""Checks on a GPU. ``make test`` does not collect them; see projects/benchmark/gpu.sh."""
