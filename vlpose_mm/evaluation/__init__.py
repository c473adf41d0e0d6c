"""Evaluation: where a model does well, scenario by scenario."""

from vlpose_mm.evaluation.files import evaluate_file
from vlpose_mm.evaluation.scenario_coco_metric import ScenarioCocoMetric
from vlpose_mm.evaluation.scenario_evaluation import ScenarioEvaluation, Scores

__all__ = ['ScenarioCocoMetric', 'ScenarioEvaluation', 'Scores', 'evaluate_file']
