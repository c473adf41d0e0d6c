"""Poses from images, in a shell."""

import argparse
import os
import sys
from collections.abc import Sequence

from vlpose_mm.apis.progress import PROGRESS
from vlpose_mm.apis.writers import ANNOTATIONS, FAILED, Summary
from vlpose_mm.cli.loading import (
    add_model_options,
    add_people_options,
    load_inferencer,
    results_alone,
    text_prompt,
)
from vlpose_mm.models.pose_estimators.router import ROUTES
from vlpose_mm.version import __version__

# What a shell is told.
DONE, SOME_FAILED, WRONG_CALL, ALL_FAILED, INTERRUPTED = 0, 1, 2, 3, 130
COMMANDS = ('demo', 'web', 'models')
# How many failures are named.
NAMED = 10


def main(args: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        args (Sequence[str], optional): Arguments instead of the command line's.

    Returns:
        int: 0 if everything is done, 1 if some images failed, 3 if all did, 130 if it was
        interrupted. Where the call is wrong the command exits with 2.
    """
    args = sys.argv[1:] if args is None else [*args]
    if args and args[0] in COMMANDS:
        return _run_command(*args) or DONE
    parser = _parser()
    options = parser.parse_args(args)
    if not options.inputs:
        parser.error('name an image, a folder, ...; `vlpose demo` shows what comes out')
    try:
        with results_alone():
            summary, hint = _find_poses(options)
    except (OSError, ValueError, TypeError) as error:
        parser.error(text_prompt(error, options.out))
    except KeyboardInterrupt:
        begun = os.path.exists(os.path.join(options.out, PROGRESS))
        done = f'what is done is in {options.out}, --resume does the rest.'
        print(f'Interrupted; {done if begun else "nothing is done yet."}')
        return INTERRUPTED
    print(_report(summary, hint, not options.no_drawings))
    if not summary.failures:
        return DONE
    return SOME_FAILED if summary.images or summary.resumed else ALL_FAILED


def _run_command(name: str, *args: str) -> int | None:
    """Run one of the other commands."""
    if name == 'web':
        from vlpose_mm.web import main
    elif name == 'demo':
        from vlpose_mm.cli.demo import main
    else:
        from vlpose_mm.cli.models import main
    return main([*args])


def _parser() -> argparse.ArgumentParser:
    """The command line; its help fits a screen of 24 lines."""
    parser = argparse.ArgumentParser(
        prog='vlpose',
        usage='vlpose IMAGE ... [options], or vlpose {demo,web,models} [--help]',
        description='Find poses on paintings, sculptures, cartoons and photos.',
        formatter_class=lambda prog: argparse.HelpFormatter(prog, width=80),
        add_help=False,
    )
    add = parser.add_argument
    add(
        'inputs',
        nargs='*',
        metavar='IMAGE',
        help='file, folder, glob, address, video or webcam:0',
    )
    add(
        '--out',
        metavar='DIR',
        default='vlpose_out',
        help='where to write (default: %(default)s)',
    )
    add('--scenario', metavar='NAME', help='kind of image, such as "stained glass"')
    add('--prompt', metavar='TEXT', help='text prompt about the images, instead of that')
    add(
        '--route',
        metavar='ROUTE',
        choices=ROUTES,
        default='auto',
        help='tuned or original weights, or auto (default)',
    )
    add_people_options(parser)
    add_model_options(parser)
    add(
        '--batch-size', metavar='N', type=int, default=8, help='people at once (default: 8)'
    )
    add('--no-drawings', action='store_true', help='write the JSON alone')
    add('--resume', action='store_true', help='do what a run into DIR has left undone')
    add('-h', '--help', action='help', help='show this, and exit')
    add('--version', action='version', version=__version__, help='show it, and exit')
    return parser


def _find_poses(options: argparse.Namespace) -> tuple[Summary, str]:
    """Run everything; also tell what a person may want to do about it."""
    inferencer, boxes = load_inferencer(options)
    inferencer.show_progress = True
    results = inferencer(
        options.inputs if len(options.inputs) > 1 else options.inputs[0],
        scenario=options.scenario,
        prompt=options.prompt,
        route=options.route,
        boxes=boxes,
        batch_size=options.batch_size,
    )
    summary = results.save(options.out, not options.no_drawings, options.resume)
    hint = ''
    if summary.people and not summary.tuned and options.route == 'auto':
        hint = (
            'All took the original weights: nobody says what kind of images they are '
            '(--scenario, --prompt), or they are photos.'
        )
        if not inferencer.tuned:
            hint = 'All took the original weights: there are no others (--weights).'
    return summary, hint


def _report(summary: Summary, hint: str, drawings: bool) -> str:
    """Say what was done."""
    original = summary.images - summary.tuned
    lines = [
        f'{_count(summary.images, "image")} with {_count(summary.people, "person")}: '
        f'{summary.tuned} tuned, {original} original.'
    ]
    if summary.resumed:
        lines.append(f'{_count(summary.resumed, "image")} had been done before.')
    if summary.empty:
        lines.append(f'Nobody was found on {_count(summary.empty, "image")}.')
    if summary.failures:
        lines.append(f'{_count(len(summary.failures), "image")} failed:')
        lines += [f'  {each.name}: {each.reason}' for each in summary.failures[:NAMED]]
        more = len(summary.failures) - NAMED
        lines += [f'  and {more} more, see {FAILED}'] if more > 0 else []
    lines += [hint] if hint else []
    drawn = ' and what was drawn' if drawings else ''
    lines.append(f'Written to {summary.out}: {ANNOTATIONS}{drawn}.')
    return '\n'.join(lines)


def _count(number: int, thing: str) -> str:
    """Such as ``'1 image'``."""
    if number != 1:
        thing = 'people' if thing == 'person' else f'{thing}s'
    return f'{number} {thing}'
