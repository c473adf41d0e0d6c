"""Time the parts of `python -m vlpose_mm.tools.evaluate` on sets of growing size.

Makes up images and what could have been found there. Where time grows as the number of
images does, a part is as fast for each image of a large set as of a small one.
"""

# First, for it patches what the other imports need.
import vlpose_mm  # noqa: F401

# isort: split
import argparse
import json
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import MMLogger
from mmpose.datasets.datasets import CocoDataset
from synthetic import make_annotations

from vlpose_mm.evaluation import ScenarioEvaluation
from vlpose_mm.evaluation.functional.coco_files import (
    read_annotations,
    read_json,
    read_results,
)
from vlpose_mm.evaluation.functional.score_tables import (
    as_dict,
    keypoint_table,
    score_table,
)


def make_results(rng: np.random.Generator, annotations: dict) -> list[dict]:
    """Make up what was found: each person more or less well, and as many other boxes.

    Args:
        rng (np.random.Generator): Random numbers.
        annotations (dict): Content of an annotation file.

    Returns:
        list[dict]: Results in COCO format.
    """
    found = []
    for person in annotations['annotations']:
        for spread in (0.05 * rng.uniform() * np.sqrt(person['area']), 50):
            points = np.reshape(person['keypoints'], (17, 3)) + rng.normal(
                0, spread, (17, 3)
            )
            found.append(
                dict(
                    image_id=person['image_id'],
                    category_id=1,
                    keypoints=points.flatten().tolist(),
                    score=float(rng.uniform()),
                    bbox=person['bbox'],
                )
            )
    return found


def measure(num_images: int, folder: Path) -> dict[str, float]:
    """Evaluate a set, as the tool does.

    Args:
        num_images (int): Number of images.
        folder (Path): Where to write.

    Returns:
        dict[str, float]: Seconds of the processor by part.
    """
    rng = np.random.default_rng(0)
    annotations = make_annotations(rng, num_images)
    ann_file, result_file = folder / 'annotations.json', folder / 'results.json'
    ann_file.write_text(json.dumps(annotations))
    result_file.write_text(json.dumps(make_results(rng, annotations)))
    metainfo = CocoDataset(lazy_init=True).metainfo
    names = list(metainfo['keypoint_id2name'].values())
    spent = {}

    def timed(name: str, call: Callable, *args: Any) -> Any:
        start = time.process_time()
        with redirect_stdout(None):
            result = call(*args)
        spent[name] = time.process_time() - start
        return result

    timed('JSON of the annotations', read_json, ann_file)
    truth = timed('the same, checked and indexed', read_annotations, ann_file)
    timed('JSON of the results', read_json, result_file)
    found = timed('the same, checked', read_results, result_file, truth, len(names))
    sigmas = np.array(metainfo['sigmas'])
    evaluation = timed("COCO's matching", ScenarioEvaluation, truth, found, sigmas)
    timed('scores of every part', score_table, evaluation)
    timed('OKS of every keypoint', keypoint_table, evaluation, names)
    timed('all of it ready for JSON', as_dict, evaluation, names)
    return spent


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--images', type=int, nargs='+', default=[1250, 2500, 5000, 10000])
    options = parser.parse_args()
    MMLogger.get_current_instance().setLevel('ERROR')
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for num_images in options.images:
            found[num_images] = measure(num_images, Path(folder))
    print(f'{"images":<32}' + ''.join(f'{n:>8}' for n in found) + f'{"ms each":>10}')
    for name in found[options.images[0]]:
        values = ''.join(f'{spent[name]:>8.2f}' for spent in found.values())
        last = 1e3 * found[options.images[-1]][name] / options.images[-1]
        print(f'{name:<32}{values}{last:>10.3f}')


if __name__ == '__main__':
    main()
