"""The inferencer of the commands."""

import argparse

from transformers.utils import logging

from vlpose_mm.apis import VLPoseInferencer
from vlpose_mm.names import DEFAULT_MODEL


def build_inferencer(
    options: argparse.Namespace, show_progress: bool = False
) -> VLPoseInferencer:
    """Build the inferencer that options of :mod:`vlpose_mm.cli.options` describe."""
    # Of a model of a few megabytes.
    logging.disable_progress_bar()
    return VLPoseInferencer(
        options.model or DEFAULT_MODEL,
        options.weights,
        device=options.device,
        det_model=options.det_model,
        det_weights=options.det_weights,
        show_progress=show_progress,
        base_weights=options.base_weights,
    )
