"""Options of the commands that run an inferencer."""

import argparse

from transformers.utils import logging

from vlpose_mm.apis import VLPoseInferencer
from vlpose_mm.apis.detectors import CROPPED, WHOLE_IMAGE
from vlpose_mm.apis.model_zoo import DEMO


def add_detector_options(parser: argparse.ArgumentParser) -> None:
    """Add the detector."""
    add = parser.add_argument
    add(
        '--det-model',
        metavar='NAME',
        default=CROPPED,
        help='see `vlpose models` (default: cropped to one person)',
    )
    add('--det-weights', metavar='FILE', help='its checkpoint, if not the published one')


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add the model and the device."""
    add = parser.add_argument
    add(
        '--model',
        metavar='NAME',
        default=DEMO,
        help='see `vlpose models`; or config or checkpoint',
    )
    add('--weights', metavar='FILE', help='whole or adapter checkpoint: file or URL')
    add('--base-weights', metavar='FILE', help='base of an adapter checkpoint')
    add('--device', metavar='NAME', help='such as cuda:0 (default: the best one)')


def build_inferencer(
    options: argparse.Namespace, show_progress: bool = False
) -> VLPoseInferencer:
    """Build the inferencer that the options of both functions describe."""
    if options.det_weights is not None and options.det_model in (CROPPED, WHOLE_IMAGE):
        raise ValueError('--det-weights needs a detector; name it with --det-model.')
    # Of a model of a few megabytes.
    logging.disable_progress_bar()
    return VLPoseInferencer(
        options.model,
        options.weights,
        device=options.device,
        det_model=options.det_model,
        det_weights=options.det_weights,
        show_progress=show_progress,
        base_weights=options.base_weights,
    )
