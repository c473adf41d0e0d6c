"""Serve the page."""

import argparse
import math
import os
import signal
import socket
import tempfile
import threading
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from packaging.version import Version

from vlpose_mm.cli.loading import (
    add_model_options,
    add_people_options,
    load_inferencer,
    results_alone,
)
from vlpose_mm.compat import log_to_stderr

# Older ones answer requests for files less strictly.
GRADIO = '6.31'


def main(args: Sequence[str] | None = None) -> None:
    """Run the command.

    Args:
        args (Sequence[str], optional): Arguments instead of the command line's.
    """
    parser = argparse.ArgumentParser(
        prog='vlpose web',
        description='Serve a page on which an image is dropped, described in words, and '
        'shown with the original and the tuned skeletons side by side.',
    )
    add_model_options(parser)
    add_people_options(parser)
    parser.add_argument(
        '--host', default='127.0.0.1', help='address to serve at (default: %(default)s)'
    )
    parser.add_argument(
        '--port',
        type=int,
        default=7860,
        help='port to serve at; 0: any free one (default: %(default)s)',
    )
    parser.add_argument(
        '--max-upload',
        type=float,
        default=20,
        metavar='MB',
        help='largest image that is taken (default: %(default)s)',
    )
    options = parser.parse_args(args)
    if not 0 <= options.port < 2**16:
        parser.error(f'--port must be in 0 to {2**16 - 1}, got {options.port}')
    if not 0 < options.max_upload < math.inf:
        parser.error(f'--max-upload must be some MB, got {options.max_upload:g}')
    _check_gradio(parser)
    with tempfile.TemporaryDirectory(prefix='vlpose_web_') as folder, log_to_stderr():
        try:
            _serve(options, folder)
        except (OSError, ValueError) as error:
            parser.error(str(error))
        except KeyboardInterrupt:
            print('Stopped.')


def _check_gradio(parser: argparse.ArgumentParser) -> None:
    """End the command if gradio is missing or too old."""
    remedy = 'install it with: pip install "vlpose_mm[web]"'
    try:
        found = version('gradio')
    except PackageNotFoundError:
        parser.error(f'the page needs gradio; {remedy}')
    if Version(found) < Version(GRADIO):
        parser.error(f'the page needs gradio {GRADIO} or later, not {found}; {remedy}')


def _serve(options: argparse.Namespace, folder: str) -> None:
    """Serve until somebody interrupts it."""
    # As an address of the page has it.
    is_bare = ':' in options.host and not options.host.startswith('[')
    host = f'[{options.host}]' if is_bare else options.host
    port = _free_port(host, options.port)
    with results_alone():
        inferencer, boxes = load_inferencer(options)
    if boxes is not None:
        raise ValueError(
            f'{options.people} tells who is on the images of a file, and nobody knows '
            'which are dropped; name a detector, or leave --people away'
        )
    if not inferencer.tuned:
        raise ValueError(
            f'{inferencer.name} has no tuned weights to compare with the original ones; '
            'give some with --weights'
        )
    # Read when gradio is imported: it would ask for its newest version and count starts.
    os.environ['GRADIO_ANALYTICS_ENABLED'] = 'False'
    os.environ['HF_HUB_DISABLE_TELEMETRY'] = '1'
    # Uploads and results go there; gradio's own folder is shared with other programs.
    os.environ['GRADIO_TEMP_DIR'] = os.environ['GRADIO_EXAMPLES_CACHE'] = folder
    from starlette.middleware import Middleware

    from vlpose_mm.web.app import build_page
    from vlpose_mm.web.examples import find_examples
    from vlpose_mm.web.guard import Guard
    from vlpose_mm.web.style import CSS, theme

    max_upload = round(options.max_upload * 10**6)
    examples = find_examples()
    page = build_page(inferencer, examples)
    guard = Middleware(Guard, folder=folder, max_upload=max_upload)
    # As Ctrl-C does, so that the files are deleted then, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Launched and not mounted, as gradio checks uploaded files only then.
    page.launch(
        server_name=host,
        server_port=port,
        max_file_size=max_upload,
        allowed_paths=[path for paths in examples.values() for path in paths],
        prevent_thread_lock=True,
        quiet=True,
        share=False,
        ssr_mode=False,
        mcp_server=False,
        pwa=False,
        enable_monitoring=False,
        run_history=False,
        footer_links=[],
        theme=theme(),
        css=CSS,
        app_kwargs=dict(middleware=[guard]),
    )
    try:
        print(f'{inferencer.name}: open {page.local_url} (Ctrl-C stops it)', flush=True)
        threading.Event().wait()
    finally:
        page.close(verbose=False)


def _free_port(host: str, port: int) -> int:
    """Check that a port is free, or find one."""
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
