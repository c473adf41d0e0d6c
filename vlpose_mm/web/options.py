"""Options of ``vlpose web``, checked before anything large is imported."""

import argparse
import math
import socket
from collections.abc import Sequence

from vlpose_mm.cli.options import (
    add_detector_options,
    add_model_options,
    check_model_options,
)
from vlpose_mm.requirements import check_requirement


def parse_web(args: Sequence[str]) -> argparse.Namespace:
    """Read the options; the host is as URLs have it, and the port is free."""
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
    check_model_options(options)
    check_requirement('gradio')
    # As URLs have it.
    is_ipv6 = ':' in options.host and not options.host.startswith('[')
    options.host = f'[{options.host}]' if is_ipv6 else options.host
    options.port = _free_port(options.host, options.port)
    return options


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
