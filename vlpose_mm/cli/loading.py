"""Load a model for a command, quietly."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

from vlpose_mm.apis import BoxFile, VLPoseInferencer
from vlpose_mm.apis.model_zoo import DEMO
from vlpose_mm.apis.printable import printable
from vlpose_mm.compat import log_to_stderr

WHOLE = 'whole'


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Let a command take a model.

    Args:
        parser (argparse.ArgumentParser): The command's.
    """
    add = parser.add_argument
    add(
        '--model',
        metavar='NAME',
        default=DEMO,
        help='see `vlpose models`; or config or checkpoint',
    )
    add('--weights', metavar='FILE', help='checkpoint, whole or adapter: file or URL')
    add('--base', metavar='FILE', help='what an adapter checkpoint was tuned from')
    add('--device', metavar='NAME', help='such as cuda:0 (default: the best there is)')


def add_people_options(parser: argparse.ArgumentParser) -> None:
    """Let a command take a detector or boxes.

    Args:
        parser (argparse.ArgumentParser): The command's.
    """
    add = parser.add_argument
    add(
        '--people',
        metavar='WHO',
        default=WHOLE,
        help='detector, JSON of boxes, or whole (default)',
    )
    add('--det-weights', metavar='FILE', help="the detector's, if not those published")


def load_inferencer(
    options: argparse.Namespace,
) -> tuple[VLPoseInferencer, BoxFile | None]:
    """Load the model and who finds people.

    Args:
        options (argparse.Namespace): What both ``add_..._options`` add.

    Returns:
        tuple[VLPoseInferencer, BoxFile | None]: The model, and the file of boxes if one is
        given.

    Raises:
        OSError: If a file is missing or an address cannot be reached.
        ValueError: If something is unknown, or does not go together.
    """
    boxes, detector = None, options.people
    if options.people == WHOLE or options.people.lower().endswith('.json'):
        detector = None
        if options.det_weights is not None:
            raise ValueError('--det-weights are of a detector; name it with --people.')
        if options.people != WHOLE:
            boxes = BoxFile(options.people)
    inferencer = VLPoseInferencer(
        options.model,
        options.weights,
        options.base,
        options.device,
        detector,
        options.det_weights,
    )
    return inferencer, boxes


def text_prompt(error: Exception, out: str) -> str:
    """Say in one line what is wrong.

    Args:
        error (Exception): What was raised.
        out (str): Folder that is written to.

    Returns:
        str: The line.
    """
    told = getattr(error, 'strerror', None)
    # What the system says, such as of a full disk, may not tell where.
    place = getattr(error, 'filename', None) or out or '--out'
    return printable(' '.join((f'{place}: {told}' if told else str(error)).split()))


@contextmanager
def results_alone() -> Iterator[None]:
    """Keep what is no result out of the standard output inside a ``with`` block."""
    from transformers.utils import logging

    # Of a model of a few megabytes.
    logging.disable_progress_bar()
    with log_to_stderr(), redirect_stdout(sys.stderr):
        yield
