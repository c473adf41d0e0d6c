"""``vlpose web``: serve the page."""

import argparse
import logging
import os
import tempfile

from mmengine.logging import print_log

from vlpose_mm.apis import VLPoseInferencer
from vlpose_mm.checkpoint.download import DownloadError
from vlpose_mm.cli.inferencer import build_inferencer
from vlpose_mm.names import OFFLINE_MODEL
from vlpose_mm.tools.common import log_and_prints_to_stderr
from vlpose_mm.tools.errors import OK


def main(options: argparse.Namespace) -> int:
    """Run the command."""
    with log_and_prints_to_stderr():
        inferencer = build(options)
    with tempfile.TemporaryDirectory(prefix='vlpose_web_') as folder:
        # gradio reads these when it is imported. It would ask for its newest version and
        # count starts, and share its folder with other programs.
        os.environ['GRADIO_ANALYTICS_ENABLED'] = 'False'
        os.environ['HF_HUB_DISABLE_TELEMETRY'] = '1'
        os.environ['GRADIO_TEMP_DIR'] = os.environ['GRADIO_EXAMPLES_CACHE'] = folder
        from vlpose_mm.web.server import serve

        try:
            limit = round(options.max_upload * 10**6)
            serve(inferencer, options.host, options.port, limit, folder)
        except KeyboardInterrupt:
            print('Stopped.')
    return OK


def build(options: argparse.Namespace) -> VLPoseInferencer:
    """Build the model that is named, else the published one, or the package's offline."""
    try:
        return build_inferencer(options)
    except DownloadError as error:
        if options.model is not None or options.weights is not None:
            raise
        options.model = OFFLINE_MODEL
        print_log(
            f'{error} Until then {options.model} answers.',
            logger='current',
            level=logging.WARNING,
        )
        return build_inferencer(options)
