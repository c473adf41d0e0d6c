"""A script as people write it, which mypy reads and nobody runs."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vlpose_mm import VLPoseInferencer, config_path
from vlpose_mm.apis import BBoxFile, Failure, Summary, to_coco
from vlpose_mm.evaluation import ScenarioEvaluation, Scores, evaluate_file


def estimate(folder: Path) -> dict:
    """Estimate poses with everything that a typed script may name."""
    inferencer = VLPoseInferencer('real-small', device='cpu', det_model='whole-image')
    bboxes = BBoxFile(folder / 'bboxes.json')
    results: Iterator[dict] = inferencer(
        [str(folder), np.zeros((64, 64, 3), np.uint8)],
        batch_size=8,
        num_workers=2,
        text_prompt='a bronze statue',
        bboxes=bboxes,
    )
    summary: Summary = inferencer.save(folder, folder / 'out', resume=True)
    failures: list[Failure] = summary.failures
    print([failure.reason for failure in failures], summary.images + summary.instances)
    drawn: np.ndarray = inferencer.detect(np.zeros((64, 64, 3), np.uint8))
    print(drawn.shape, config_path('_base_/datasets/pack_with_text.py'))
    return to_coco([*results], inferencer.model.dataset_meta)


def evaluate(folder: Path) -> float:
    """Score results."""
    evaluation: ScenarioEvaluation = evaluate_file(
        folder / 'annotations.json', folder / 'results.json'
    )
    scores: Scores = evaluation.scores('oil_painting')
    gap = evaluation.gap()
    return scores.AP - (0.0 if gap is None else gap)
