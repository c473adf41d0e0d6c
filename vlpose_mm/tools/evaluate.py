"""Evaluate result files by scenario."""

# First: it patches the stack that the other imports load.
import vlpose_mm  # noqa: F401

# isort: split
import argparse
from collections.abc import Sequence

from mmengine.registry import init_default_scope
from mmpose.datasets.datasets import BaseCocoStyleDataset
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import DATASETS
from rich.console import Group

from vlpose_mm.datasets.annotations import KEYPOINTS
from vlpose_mm.evaluation.functional.coco_files import evaluate_file, read_annotations
from vlpose_mm.evaluation.functional.matching import MAX_RESULTS
from vlpose_mm.evaluation.functional.score_tables import (
    as_dict,
    keypoint_table,
    score_table,
)
from vlpose_mm.tools.common import add_json_option, write_results
from vlpose_mm.tools.errors import command


@command
def main(args: Sequence[str] | None = None) -> None:
    """Run the command; by default with the arguments of the command line."""
    parser = argparse.ArgumentParser(
        description='Evaluate the results of any models on Human-Art, COCO, or both, by '
        'scenario.'
    )
    parser.add_argument('ann_file', help='COCO-format annotation file')
    parser.add_argument(
        'result_files',
        nargs='+',
        metavar='result_file',
        help='COCO-format result file, as MMPose writes it with --cfg-options '
        'test_evaluator.outfile_prefix=NAME',
    )
    parser.add_argument(
        '--max-results',
        type=int,
        default=MAX_RESULTS,
        metavar='N',
        help='results of an image that count, the best first (default: %(default)s, as in '
        'COCO)',
    )
    parser.add_argument(
        '--dataset',
        default='CocoDataset',
        metavar='NAME',
        help='data set of MMPose or vlpose_mm with the keypoints of the files, such as '
        'HumanArt21VLDataset (default: %(default)s)',
    )
    add_json_option(parser)
    options = parser.parse_args(args)

    init_default_scope('mmpose')
    dataset = DATASETS.get(options.dataset)
    if dataset is None or not issubclass(dataset, BaseCocoStyleDataset):
        raise ValueError(f'MMPose has no data set {options.dataset} in the style of COCO.')
    metainfo = parse_pose_metainfo(dataset.METAINFO)
    names = list(metainfo['keypoint_id2name'].values())
    key = getattr(dataset, 'KEYPOINTS_KEY', KEYPOINTS)
    coco_gt = read_annotations(options.ann_file, key)
    results, tables = [], []
    for path in options.result_files:
        evaluation = evaluate_file(coco_gt, path, metainfo['sigmas'], options.max_results)
        results += [dict(result_file=path, **as_dict(evaluation, names))]
        tables += [path, score_table(evaluation), keypoint_table(evaluation, names)]
    results = dict(ann_file=options.ann_file, results=results)
    write_results(results, Group(*tables), options.json)


if __name__ == '__main__':
    main()
