"""Images per second from files to keypoints: ours, MMPose's, rtmlib's, transformers'."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory

from vlpose_mm.tools.errors import command


@command
def main(args: Sequence[str] | None = None) -> None:
    """Run the command."""
    # A worker that is not forked imports this file, and needs none of these.
    import torch
    from mmengine.registry import init_default_scope

    from projects.benchmark.cases.throughput import find_images, find_weights, measure
    from projects.benchmark.conditions import Conditions
    from projects.benchmark.report import describe
    from projects.benchmark.report_table import report_table
    from vlpose_mm.tools.common import log_to_stderr, write_results

    options = _parser().parse_args(args)
    conditions = Conditions(
        device=torch.device(options.device),
        dtype=options.dtype,
        rounds=options.rounds,
        batch_sizes=(options.batch_size,),
    )
    with log_to_stderr(), TemporaryDirectory() as folder, redirect_stdout(sys.stderr):
        init_default_scope('mmpose')
        cfg, weights = find_weights(options, Path(folder))
        files = find_images(options.images, Path(folder))
        files = (files * -(-options.count // len(files)))[: options.count]
        found = [*measure(cfg, weights, files, conditions, options, Path(folder))]
    report = dict(config=options.config, **describe(cfg, conditions))
    report['cases'] = dict(throughput=found)
    write_results(report, report_table(report), options.json)


def _parser() -> argparse.ArgumentParser:
    """Make the command's parser."""
    from projects.benchmark.conditions import DTYPES
    from vlpose_mm.names import PACKAGED
    from vlpose_mm.tools.common import add_config_options, add_text_dims

    parser = argparse.ArgumentParser(
        description='Measure, in turns in one process, how many images a second go from '
        'files to keypoints, each as a whole, without flip test. Of a config the weights '
        f'are random; {" and ".join(PACKAGED)} have their own.'
    )
    add_config_options(parser, 'model.backbone.visual_prompt.num_tokens=5')
    add_text_dims(parser)
    add = parser.add_argument
    text = 'folder of images (default: 400 synthetic ones, as large as most of COCO)'
    add('--images', metavar='FOLDER', help=text)
    number = dict(type=int, metavar='N')
    text = 'images in a turn, some of them again if need be (default: %(default)s)'
    add('--count', default=400, help=text, **number)
    text = 'limit of a turn (default: %(default)s)'
    add('--seconds', default=8.0, type=float, metavar='S', help=text)
    add('--num-workers', nargs='+', default=[0, 1, 2], help='of ours', **number)
    add('--device', choices=('cpu', 'cuda'), default='cpu', help='(default: %(default)s)')
    text = 'bf16 computes by autocast (default: %(default)s)'
    add('--dtype', choices=[*DTYPES], default='float32', help=text)
    add('--batch-size', default=8, help='(default: %(default)s)', **number)
    add('--rounds', default=3, help='(default: %(default)s)', **number)
    return parser


if __name__ == '__main__':
    main()
