"""Hooks, optimizer wrappers, and what hooks and the tools do with whole data sets."""

from vlpose_mm.engine.hooks.adapter_checkpoint_hook import AdapterCheckpointHook
from vlpose_mm.engine.hooks.check_finite_hook import CheckFiniteHook
from vlpose_mm.engine.hooks.scenario_classifier_hook import ScenarioClassifierHook
from vlpose_mm.engine.optim_wrappers import Bf16OptimWrapper

__all__ = [
    'AdapterCheckpointHook',
    'Bf16OptimWrapper',
    'CheckFiniteHook',
    'ScenarioClassifierHook',
]
