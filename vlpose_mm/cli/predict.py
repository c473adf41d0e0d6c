"""Estimate poses on images and write them to a folder."""

import argparse
import os

from vlpose_mm.apis.progress import PROGRESS
from vlpose_mm.apis.writers import ANNOTATIONS, FAILED, Summary
from vlpose_mm.cli.inferencer import build_inferencer
from vlpose_mm.local_files import shown
from vlpose_mm.tools.common import log_and_prints_to_stderr
from vlpose_mm.tools.errors import INTERRUPTED, OK

# Further exit codes.
SOME_FAILED, ALL_FAILED = 1, 3
# How many failures are printed.
MAX_PRINTED = 10


def main(options: argparse.Namespace) -> int:
    """Run the command."""
    try:
        with log_and_prints_to_stderr():
            summary, hints = _predict(options)
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
    print(_report(summary, hints, not options.no_drawings))
    if not summary.failures:
        return OK
    return SOME_FAILED if summary.images or summary.resumed else ALL_FAILED


def _predict(options: argparse.Namespace) -> tuple[Summary, list[str]]:
    """Run everything; also return hints for the user."""
    inferencer = build_inferencer(options, show_progress=True)
    summary = inferencer.save(
        options.inputs if len(options.inputs) > 1 else options.inputs[0],
        options.out,
        not options.no_drawings,
        options.resume,
        options.batch_size,
        num_workers=options.num_workers,
        scenario=options.scenario,
        text_prompt=options.text_prompt,
        route=options.route,
        bboxes=options.bboxes,
    )
    hints = []
    if options.text_prompt is not None and summary.tuned:
        reading = inferencer.read(options.text_prompt)
        if reading is not None and reading.is_near:
            hints.append(f'{options.text_prompt!r} was read as {reading}.')
    if summary.instances and not summary.tuned and options.route == 'auto':
        hint = (
            'All took the original route: they are photos, or their scenario is unknown '
            '(--scenario, --text-prompt).'
        )
        if not inferencer.is_tuned:
            hint = 'All took the original route: there are no tuned weights (--weights).'
        hints.append(hint)
    return summary, hints


def _report(summary: Summary, hints: list[str], is_drawn: bool) -> str:
    original = summary.images - summary.tuned
    lines = [
        f'{_count(summary.images, "image")} with {_count(summary.instances, "instance")}: '
        f'{summary.tuned} tuned, {original} original.'
    ]
    if summary.resumed:
        lines.append(f'{_count(summary.resumed, "image")} had been done before.')
    if summary.empty:
        lines.append(f'There are no instances on {_count(summary.empty, "image")}.')
    if summary.skipped:
        lines.append(f'{shown(summary.skipped)} skipped, neither an image nor a video.')
    if summary.failures:
        lines.append(f'{_count(len(summary.failures), "image")} failed:')
        first = summary.failures[:MAX_PRINTED]
        lines += [f'  {failure.name}: {failure.reason}' for failure in first]
        more = len(summary.failures) - MAX_PRINTED
        lines += [f'  and {more} more, see {FAILED}'] if more > 0 else []
    lines += hints
    drawings = ' and drawings' if is_drawn else ''
    lines.append(f'Written to {summary.out_dir}: {ANNOTATIONS}{drawings}.')
    return '\n'.join(lines)


def _count(number: int, thing: str) -> str:
    return f'{number} {thing}{"" if number == 1 else "s"}'
