"""Estimate poses on a collection with the machines of a Ray cluster."""

# First: it patches the stack that the other imports load.
import vlpose_mm  # noqa: F401

# isort: split
import argparse
from collections.abc import Sequence

from vlpose_mm.cli.options import (
    add_detector_options,
    add_model_options,
    check_model_options,
)
from vlpose_mm.local_files import read_argument
from vlpose_mm.names import DEFAULT_MODEL, ROUTES
from vlpose_mm.requirements import check_requirement
from vlpose_mm.tools.common import check_output_file, exit_code, log_and_prints_to_stderr
from vlpose_mm.tools.errors import command

# What an option of the command is an argument of.
MODEL = ('det_model', 'det_weights', 'base_weights')
CALL = ('scenario', 'text_prompt', 'route', 'bboxes')
RUN = ('column', 'resume', 'coco_file', 'concurrency', 'num_cpus', 'num_gpus')
RUN += ('part_size', 'batch_size')


@command
def main(args: Sequence[str] | None = None) -> int:
    """Run the command; by default with the arguments of the command line."""
    options = _parser().parse_args(args)
    check_model_options(options)
    if options.coco_file is not None:
        check_output_file(options.coco_file)
    check_requirement('ray')
    # Needs the packages just checked.
    from vlpose_mm.ray import estimate_collection

    def of(names: Sequence[str]) -> dict:
        return {name: getattr(options, name) for name in names}

    model = dict(pose2d=options.model or DEFAULT_MODEL, pose2d_weights=options.weights)
    with log_and_prints_to_stderr():
        summary = estimate_collection(
            options.inputs,
            options.out,
            {**model, **of(MODEL)},
            show_progress=True,
            **of(RUN),
            **of(CALL),
        )
    lines = summary.lines('the column error of poses')
    print('\n'.join([*lines, f'Written to {options.out}: run.json and poses.']))
    return exit_code(summary)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description='Estimate poses on a collection with the machines of a Ray cluster, or '
        'the cores of this one, and write them as Parquet.'
    )
    add = parser.add_argument
    add(
        'inputs',
        nargs='+',
        metavar='INPUT',
        help='image, folder, glob, list (.txt) or table (.parquet): a path, or the URL of '
        'an object store, such as s3://bucket/folder',
    )
    add(
        '--out', metavar='DIR', required=True, help='folder that all machines share, or URL'
    )
    add(
        '--column',
        metavar='NAME',
        help='column of the tables with paths or bytes (default: path, image or bytes)',
    )
    add('--resume', action='store_true', help='continue an earlier run into DIR')
    add(
        '--coco',
        dest='coco_file',
        metavar='FILE',
        help="also write FILE in COCO's annotation format, as vlpose does",
    )
    add('--scenario', metavar='NAME', type=read_argument, help='kind of images')
    add(
        '--text-prompt',
        metavar='TEXT',
        type=read_argument,
        help='your own words for the kind of images',
    )
    add('--route', choices=ROUTES, default='auto', help='(default: %(default)s)')
    add('--bboxes', metavar='FILE', help='COCO JSON with the bboxes of the images')
    add_detector_options(parser)
    add_model_options(parser, has_device=False)
    add(
        '--concurrency',
        metavar='N',
        type=int,
        help='workers, each with a model (default: as many as there are CPUs or GPUs for)',
    )
    add('--num-cpus', metavar='N', type=float, default=1, help='CPUs of one (default: 1)')
    add('--num-gpus', metavar='N', type=float, default=0, help='GPUs of one (default: 0)')
    add('--batch-size', metavar='N', type=int, default=8, help='images (default: 8)')
    add(
        '--part-size',
        metavar='N',
        type=int,
        default=512,
        help='images in a file of results (default: %(default)s)',
    )
    return parser


if __name__ == '__main__':
    main()
