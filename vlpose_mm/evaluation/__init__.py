"""Evaluation by scenario."""

from vlpose_mm.evaluation.functional.coco_files import evaluate_file
from vlpose_mm.evaluation.functional.scenario_evaluation import ScenarioEvaluation, Scores
from vlpose_mm.evaluation.metrics.scenario_coco_metric import ScenarioCocoMetric

__all__ = ['ScenarioCocoMetric', 'ScenarioEvaluation', 'Scores', 'evaluate_file']
