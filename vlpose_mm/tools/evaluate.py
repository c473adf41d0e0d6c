"""Score result files scenario by scenario."""

import argparse
from collections.abc import Sequence

from mmpose.datasets.datasets import CocoDataset

from vlpose_mm.evaluation.functional.coco_files import evaluate_file, read_annotations
from vlpose_mm.evaluation.functional.score_tables import (
    as_dict,
    keypoint_table,
    score_table,
)
from vlpose_mm.tools.common import add_json_option, command, write_results


@command
def main(args: Sequence[str] | None = None) -> None:
    """Run the command.

    Args:
        args (Sequence[str], optional): Arguments instead of the command line's.
    """
    parser = argparse.ArgumentParser(
        description='Score the results of any models on Human-Art, COCO, or both, scenario '
        'by scenario.'
    )
    parser.add_argument('ann', help='COCO-format annotation file')
    parser.add_argument(
        'results',
        nargs='+',
        help='COCO-format result files, as MMPose writes them with --cfg-options '
        'test_evaluator.outfile_prefix=NAME',
    )
    add_json_option(parser)
    options = parser.parse_args(args)

    keypoints = CocoDataset(lazy_init=True).metainfo['keypoint_id2name']
    names = [keypoints[i] for i in range(len(keypoints))]
    found, tables = [], []
    truth = read_annotations(options.ann)
    for path in options.results:
        evaluation = evaluate_file(truth, path)
        found += [dict(file=path, **as_dict(evaluation, names))]
        tables += [path, score_table(evaluation), keypoint_table(evaluation, names)]
    found = dict(annotations=options.ann, results=found)
    write_results(found, '\n\n'.join(tables), options.json)


if __name__ == '__main__':
    main()
