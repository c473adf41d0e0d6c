"""Estimate poses on images and write them to a folder."""

import argparse
import os
from collections.abc import Sequence

from vlpose_mm.apis.progress import PROGRESS
from vlpose_mm.apis.writers import ANNOTATIONS, FAILED, Summary
from vlpose_mm.models.pose_estimators.router import ROUTES
from vlpose_mm.tools.common import INTERRUPTED, OK, log_and_prints_to_stderr
from vlpose_mm.tools.inference_options import (
    add_detector_options,
    add_model_options,
    build_inferencer,
)
from vlpose_mm.version import __version__

# Further exit codes.
SOME_FAILED, ALL_FAILED = 1, 3
# How many failures are printed.
MAX_PRINTED = 10


def main(args: Sequence[str]) -> int:
    """Run the command."""
    parser = _parser()
    options = parser.parse_args(args)
    if not options.inputs:
        parser.error('name an image, a folder, ...; try `vlpose demo` first')
    try:
        with log_and_prints_to_stderr():
            summary, hint = _predict(options)
    except OSError as error:
        if error.strerror and not error.filename:
            # Such as of a full disk.
            error.filename = options.out or '--out'
        raise
    except KeyboardInterrupt:
        is_begun = os.path.exists(os.path.join(options.out, PROGRESS))
        done = f'what is done is in {options.out}, --resume does the rest.'
        print(f'Interrupted; {done if is_begun else "nothing is done yet."}')
        return INTERRUPTED
    print(_report(summary, hint, not options.no_drawings))
    if not summary.failures:
        return OK
    return SOME_FAILED if summary.images or summary.resumed else ALL_FAILED


def _parser() -> argparse.ArgumentParser:
    """The parser, whose help fits into 24 lines of 80 characters."""
    parser = argparse.ArgumentParser(
        prog='vlpose',
        usage='vlpose IMAGE ... [options], or vlpose {demo,web,models} [--help]',
        description='Estimate poses on paintings, sculptures, cartoons and photos.',
        formatter_class=lambda prog: argparse.HelpFormatter(prog, width=80),
        add_help=False,
    )
    add = parser.add_argument
    add(
        'inputs',
        nargs='*',
        metavar='IMAGE',
        help='file, folder, glob, URL, video or webcam:0',
    )
    add(
        '--out',
        metavar='DIR',
        default='vlpose_out',
        help='folder to write to (default: %(default)s)',
    )
    add('--scenario', metavar='NAME', help='kind of images, such as "stained glass"')
    add('--text-prompt', metavar='TEXT', help="read in place of the scenario's")
    add(
        '--route',
        metavar='ROUTE',
        choices=ROUTES,
        default='auto',
        help='tuned or original weights, or auto (default)',
    )
    add('--bboxes', metavar='FILE', help='COCO JSON with the bboxes of the images')
    add_detector_options(parser)
    add_model_options(parser)
    add('--batch-size', metavar='N', type=int, default=8, help='images (default: 8)')
    add('--no-drawings', action='store_true', help='write the JSON only')
    add('--resume', action='store_true', help='continue an earlier run into DIR')
    add('-h', '--help', action='help', help='show this, and exit')
    add('--version', action='version', version=__version__, help='show it, and exit')
    return parser


def _predict(options: argparse.Namespace) -> tuple[Summary, str]:
    """Run everything; also return a hint for the user."""
    inferencer = build_inferencer(options, show_progress=True)
    summary = inferencer.save(
        options.inputs if len(options.inputs) > 1 else options.inputs[0],
        options.out,
        not options.no_drawings,
        options.resume,
        options.batch_size,
        scenario=options.scenario,
        text_prompt=options.text_prompt,
        route=options.route,
        bboxes=options.bboxes,
    )
    hint = ''
    if summary.instances and not summary.tuned and options.route == 'auto':
        hint = (
            'All took the original route: they are photos, or their scenario is unknown '
            '(--scenario, --text-prompt).'
        )
        if not inferencer.is_tuned:
            hint = 'All took the original route: there are no tuned weights (--weights).'
    return summary, hint


def _report(summary: Summary, hint: str, is_drawn: bool) -> str:
    original = summary.images - summary.tuned
    lines = [
        f'{_count(summary.images, "image")} with {_count(summary.instances, "instance")}: '
        f'{summary.tuned} tuned, {original} original.'
    ]
    if summary.resumed:
        lines.append(f'{_count(summary.resumed, "image")} had been done before.')
    if summary.empty:
        lines.append(f'There are no instances on {_count(summary.empty, "image")}.')
    if summary.failures:
        lines.append(f'{_count(len(summary.failures), "image")} failed:')
        shown = summary.failures[:MAX_PRINTED]
        lines += [f'  {failure.name}: {failure.reason}' for failure in shown]
        more = len(summary.failures) - MAX_PRINTED
        lines += [f'  and {more} more, see {FAILED}'] if more > 0 else []
    lines += [hint] if hint else []
    drawings = ' and drawings' if is_drawn else ''
    lines.append(f'Written to {summary.out_dir}: {ANNOTATIONS}{drawings}.')
    return '\n'.join(lines)


def _count(number: int, thing: str) -> str:
    return f'{number} {thing}{"" if number == 1 else "s"}'
