"""Estimate poses on a collection with the machines of a Ray cluster."""

from vlpose_mm.requirements import check_requirement

check_requirement('ray')
check_requirement('pyarrow')

from vlpose_mm.ray.run import estimate_collection  # noqa: E402

__all__ = ['estimate_collection']
