"""``vlpose web``: serve the page."""

import argparse
import os
import tempfile

from vlpose_mm.cli.inferencer import build_inferencer
from vlpose_mm.tools.common import log_and_prints_to_stderr
from vlpose_mm.tools.errors import OK


def main(options: argparse.Namespace) -> int:
    """Run the command."""
    with log_and_prints_to_stderr():
        inferencer = build_inferencer(options)
    if not inferencer.is_tuned:
        raise ValueError(
            f'{inferencer.name} has no tuned weights to compare with the original ones; '
            'give some with --weights'
        )
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
