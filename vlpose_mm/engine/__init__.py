"""Hooks, and what they and the tools do with whole data sets."""

from vlpose_mm.engine.scenario_hook import ScenarioClassifierHook
from vlpose_mm.engine.tuned_checkpoint_hook import TunedCheckpointHook

__all__ = ['ScenarioClassifierHook', 'TunedCheckpointHook']
