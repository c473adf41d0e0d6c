"""Optimizer wrappers."""

from vlpose_mm.engine.optim_wrappers.bf16_optim_wrapper import Bf16OptimWrapper

__all__ = ['Bf16OptimWrapper']
