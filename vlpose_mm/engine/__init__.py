"""Hooks, and what they and the tools do with whole data sets."""

from vlpose_mm.engine.hooks.adapter_checkpoint_hook import AdapterCheckpointHook
from vlpose_mm.engine.hooks.scenario_classifier_hook import ScenarioClassifierHook

__all__ = ['ScenarioClassifierHook', 'AdapterCheckpointHook']
