"""Start the server and open its page."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Browser, BrowserContext, Page

# The server, from the console script, which logs every address that it connects to.
SERVE = """
import sys
file = open(sys.argv[1], 'a', buffering=1)
def note(event, args):
    if event == 'socket.connect' or event == 'socket.getaddrinfo':
        file.write(f'{args[0] if event.endswith("info") else args[1]}\\n')
sys.addaudithook(note)
from vlpose_mm_cli import main
sys.argv[1] = 'web'
sys.exit(main())
"""


class Server(NamedTuple):
    """A running server."""

    url: str
    process: subprocess.Popen
    output: Path  # What it printed.
    folder: Path  # Where its files are.
    addresses: Path  # Addresses that it connected to, one a line.

    @property
    def port(self) -> int:
        """int: Its port."""
        return int(self.url.rsplit(':', 1)[1].strip('/'))

    def stop(self) -> int:
        """Stop it; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def start_server(folder: Path) -> Server:
    """Start a server with the model of drawn figures on a free port."""
    output, addresses, files = folder / 'output', folder / 'addresses', folder / 'files'
    files.mkdir()
    env = dict(os.environ, TMPDIR=str(files), OMP_NUM_THREADS='1', PYTHONWARNINGS='ignore')
    command = [sys.executable, '-c', SERVE, str(addresses), '--port', '0']
    command += ['--model', 'mini-drawn']
    log = folder / 'log'
    with output.open('w') as out, log.open('w') as err:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=out, stderr=err)
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        found = re.search(r'open (http://\S+)', output.read_text())
        if found:
            (own,) = files.glob('vlpose_web_*')
            return Server(found[1], process, output, own, addresses)
        time.sleep(0.1)
    process.kill()
    raise AssertionError(f'The server did not start:\n{log.read_text()[-3000:]}')


def open_window(
    chromium: Browser, width: int, height: int, **more: object
) -> BrowserContext:
    """Open a window, whose pages share a cache."""
    viewport = dict(width=width, height=height)
    window = chromium.new_context(viewport=viewport, accept_downloads=True, **more)
    window.set_default_timeout(30_000)
    return window


def open_page(window: BrowserContext, server: Server) -> Page:
    """Open the page."""
    page = window.new_page()
    page.goto(server.url)
    page.wait_for_selector('.examples button img')
    return page
