"""Compare the time of ScenarioCocoMetric with that of CocoMetric.

Makes up a set of 5000 images of 20 scenarios and what a detector and a pose estimator
could have found there, and evaluates it with both metrics in turn. Seconds are those of
the processor, so that other work on the machine counts little.
"""

# First, for it patches what the other imports need.
import vlpose_mm  # noqa: F401

# isort: split
import argparse
import json
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
from mmengine.logging import MMLogger
from mmpose.datasets.datasets import CocoDataset
from mmpose.evaluation.metrics import CocoMetric
from synthetic import CATEGORIES, make_annotations

from vlpose_mm.evaluation import ScenarioCocoMetric

METRICS = (CocoMetric, ScenarioCocoMetric)


def make_samples(rng: np.random.Generator, annotations: dict) -> list[dict]:
    """Make up what was found: each person more or less well, and as many other boxes.

    Args:
        rng (np.random.Generator): Random numbers.
        annotations (dict): Content of an annotation file.

    Returns:
        list[dict]: Data samples, as MMPose hands them to its metrics.
    """
    samples = []
    for person in annotations['annotations']:
        x, y, width, height = person['bbox']
        truth = np.reshape(person['keypoints'], (17, 3))[:, :2]
        spread = 0.05 * rng.uniform() * np.sqrt(width * height)
        elsewhere = truth + rng.normal(0, 50, 2)
        for points in (truth, elsewhere):
            samples.append(
                dict(
                    id=len(samples),
                    img_id=person['image_id'],
                    pred_instances=dict(
                        keypoints=(points + rng.normal(0, spread, (17, 2)))[None],
                        keypoint_scores=rng.uniform(0, 1, (1, 17)),
                        bboxes=np.array([[x, y, x + width, y + height]]),
                    ),
                    gt_instances=dict(
                        bbox_scores=rng.uniform(0, 1, 1),
                        bbox_scales=np.array([[width, height]]),
                    ),
                )
            )
    return samples


def seconds(metric_class: type[CocoMetric], ann_file: str, samples: list[dict]) -> float:
    """Time a metric, from samples to numbers.

    Args:
        metric_class (type[CocoMetric]): Which one.
        ann_file (str): The annotations.
        samples (list[dict]): What was found.

    Returns:
        float: Seconds of the processor, without reading the annotations.
    """
    metric = metric_class(ann_file=ann_file)
    metric.dataset_meta = CocoDataset(lazy_init=True).metainfo
    start = time.process_time()
    metric.process({}, samples)
    metric.evaluate(len(samples))
    return time.process_time() - start


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--images', type=int, default=5000)
    parser.add_argument('--rounds', type=int, default=5)
    options = parser.parse_args()
    MMLogger.get_current_instance().setLevel('ERROR')
    rng = np.random.default_rng(0)
    annotations = make_annotations(rng, options.images)
    samples = make_samples(rng, annotations)
    print(
        f'{options.images} images of {len(CATEGORIES)} scenarios, '
        f'{len(annotations["annotations"])} people, {len(samples)} found'
    )
    taken = {metric_class: [] for metric_class in METRICS}
    with tempfile.TemporaryDirectory() as folder:
        ann_file = Path(folder) / 'annotations.json'
        ann_file.write_text(json.dumps(annotations))
        for i in range(options.rounds):
            # Now this one first, now that one.
            for metric_class in METRICS[:: 1 - 2 * (i % 2)]:
                with redirect_stdout(None):
                    spent = seconds(metric_class, str(ann_file), samples)
                taken[metric_class].append(spent)
                print(
                    f'round {i + 1}: {metric_class.__name__:<20}{spent:8.2f} s', flush=True
                )
    medians = [float(np.median(taken[metric_class])) for metric_class in METRICS]
    ratios = np.divide(*(taken[metric_class] for metric_class in reversed(METRICS)))
    print(f'medians: {medians[0]:.2f} and {medians[1]:.2f} s')
    print(f'ratio of medians: {medians[1] / medians[0]:.3f}')
    print(f'ratios of the rounds: {", ".join(f"{ratio:.3f}" for ratio in ratios)}')


if __name__ == '__main__':
    main()
