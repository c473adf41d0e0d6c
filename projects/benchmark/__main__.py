"""Measure what a VLPose costs beside MMPose's own model."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout

import torch
from mmengine.registry import init_default_scope

from projects.benchmark.conditions import DTYPES, Conditions
from projects.benchmark.report import CASES, DATA_CASES, benchmark
from projects.benchmark.report_table import report_table
from vlpose_mm.tools.common import (
    add_config_options,
    add_text_dims,
    load_config,
    log_to_stderr,
    write_results,
)
from vlpose_mm.tools.errors import command, errors_about


@command
def main(args: Sequence[str] | None = None) -> None:
    """Run the command."""
    options = _parser().parse_args(args)
    with log_to_stderr():
        cfg = load_config(options)
        if options.threads is not None:
            if options.threads < 1:
                raise ValueError(f'--threads must be at least 1, got {options.threads}')
            torch.set_num_threads(options.threads)
        init_default_scope('mmpose')
        try:
            conditions = Conditions(
                device=torch.device(options.device),
                dtype=options.dtype,
                compiled=options.compile,
                rounds=options.rounds,
                batch_sizes=tuple(options.batch_sizes),
                train_batch_size=options.train_batch_size,
            )
            # The readers of annotations and some optimizers print.
            with (
                redirect_stdout(sys.stderr),
                errors_about(options.config, (ValueError, TypeError, KeyError)),
            ):
                cases = options.only or [c for c in CASES if c not in DATA_CASES]
                found = benchmark(cfg, conditions, cases)
        except OSError as error:
            raise OSError(
                f'{error} Or give --text-dims D, the width of its token states (768 for '
                'BLIP-base), to measure the model with random ones.'
            ) from error
    report = dict(config=options.config, **found)
    write_results(report, report_table(report), options.json)


def _parser() -> argparse.ArgumentParser:
    """Make the command's parser."""
    parser = argparse.ArgumentParser(
        description='Measure a VLPose beside its base model, in turns in one '
        'process, and print each ratio beside that of the FLOPs. Weights '
        'are random; nothing is trained, loaded or downloaded but the text encoder.'
    )
    add_config_options(parser, 'model.backbone.visual_prompt.num_tokens=5')
    add_text_dims(parser)
    add = parser.add_argument
    text = f'some of {[*CASES]} (default: all but {[*DATA_CASES]})'
    add('--only', nargs='+', choices=[*CASES], metavar='CASE', help=text)
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    text = 'where the models run (default here: %(default)s)'
    add('--device', choices=('cpu', 'cuda'), default=device, help=text)
    text = 'bf16 computes by autocast (default: %(default)s)'
    add('--dtype', choices=[*DTYPES], default='float32', help=text)
    add('--compile', action='store_true', help='put both models through torch.compile')
    add('--threads', type=int, metavar='N', help='threads of PyTorch on the CPU')
    number = dict(type=int, metavar='N')
    text = 'how often each is measured, after warm-up (default: %(default)s)'
    add('--rounds', default=10, help=text, **number)
    text = 'images at once in prediction (default: %(default)s)'
    add('--batch-sizes', nargs='+', default=[1, 8], help=text, **number)
    text = 'images at once in training (default: %(default)s)'
    add('--train-batch-size', default=8, help=text, **number)
    return parser


if __name__ == '__main__':
    main()
