"""Estimate poses on images and write them to a folder."""

import argparse
import os

from vlpose_mm.apis.progress import PROGRESS
from vlpose_mm.apis.writers import ANNOTATIONS, Summary
from vlpose_mm.cli.inferencer import build_inferencer
from vlpose_mm.tools.common import exit_code, log_and_prints_to_stderr
from vlpose_mm.tools.errors import INTERRUPTED


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
    drawings = '' if options.no_drawings else ' and drawings'
    written = f'Written to {summary.out_dir}: {ANNOTATIONS}{drawings}.'
    print('\n'.join([*summary.lines(), *hints, written]))
    return exit_code(summary)


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
        track=options.track,
        smooth=options.smooth,
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
