"""``vlpose web``: serve the page."""

import argparse
import math
import os
import socket
import tempfile
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from packaging.version import Version

from vlpose_mm.tools.common import OK, log_and_prints_to_stderr
from vlpose_mm.tools.inference_options import (
    add_detector_options,
    add_model_options,
    build_inferencer,
)

# Older versions answer requests for files less strictly.
GRADIO = '6.31'


def main(args: Sequence[str]) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog='vlpose web',
        description='Serve a web page: upload an image, describe it, and compare the '
        'skeletons of the original and the tuned weights.',
    )
    add_model_options(parser)
    add_detector_options(parser)
    add = parser.add_argument
    add('--host', default='127.0.0.1', help='address to serve at (default: %(default)s)')
    add('--port', type=int, default=7860, help='0: any free one (default: %(default)s)')
    add(
        '--max-upload',
        type=float,
        default=20,
        metavar='MB',
        help='largest image (default: %(default)s)',
    )
    options = parser.parse_args(args)
    if not 0 <= options.port < 2**16:
        raise ValueError(f'--port must be in 0 to {2**16 - 1}, got {options.port}')
    if not 0 < options.max_upload < math.inf:
        raise ValueError(f'--max-upload must be positive MB, got {options.max_upload:g}')
    _check_gradio()
    # As URLs have it.
    is_ipv6 = ':' in options.host and not options.host.startswith('[')
    host = f'[{options.host}]' if is_ipv6 else options.host
    port = _free_port(host, options.port)
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
            serve(inferencer, host, port, round(options.max_upload * 10**6), folder)
        except KeyboardInterrupt:
            print('Stopped.')
    return OK


def _check_gradio() -> None:
    """Refuse to run if gradio is missing or too old."""
    remedy = 'install it with: pip install "vlpose_mm[web]"'
    try:
        found = version('gradio')
    except PackageNotFoundError as error:
        raise ValueError(f'the page needs gradio; {remedy}') from error
    if Version(found) < Version(GRADIO):
        raise ValueError(f'the page needs gradio {GRADIO} or later, not {found}; {remedy}')


def _free_port(host: str, port: int) -> int:
    """Return the port if it is free, or any free port for 0."""
    family = socket.AF_INET6 if ':' in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip('[]'), port))
        except OSError as error:
            raise OSError(
                f'cannot serve at {host}, port {port} ({error.strerror}); choose others '
                'with --host and --port'
            ) from error
        return probe.getsockname()[1]
