"""Weights from the net."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from vlpose_mm.checkpoint.download import cached_path, fetch

CONTENT = b'weights' * 1000


class Handler(BaseHTTPRequestHandler):
    """Serves one file, whole or broken off."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if 'missing' in self.path:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header('Content-Length', str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[: 99 if 'half' in self.path else None])

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator:
    """A server, and an empty cache."""
    monkeypatch.setattr(torch.hub, 'get_dir', partial(str, tmp_path / 'hub'))
    server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.asked = []
    server.url = f'http://127.0.0.1:{server.server_port}'
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_an_address_is_fetched_once_to_where_mmengine_looks(server, tmp_path) -> None:
    url = f'{server.url}/a/vitpose.pth?download=1'
    paths = [fetch(url), fetch(url)]
    assert paths == [str(tmp_path / 'hub/checkpoints/vitpose.pth')] * 2
    assert Path(paths[0]).read_bytes() == CONTENT and len(server.asked) == 1


def test_what_breaks_off_is_not_kept_and_is_told_where_to_put(server) -> None:
    url = f'{server.url}/half.pth'
    with pytest.raises(OSError, match='broke off after 99 of 7000 bytes') as info:
        fetch(url)
    folder = Path(cached_path(url)).parent
    assert cached_path(url) in str(info.value) and not list(folder.iterdir())


def test_what_the_server_lacks_is_named(server) -> None:
    with pytest.raises(OSError, match='Cannot fetch .*/missing.pth .*Not Found'):
        fetch(f'{server.url}/missing.pth')


def test_without_network_the_address_and_the_place_are_told(server) -> None:
    url = 'http://127.0.0.1:9/vitpose.pth'
    message = f'Cannot fetch {url} .*refused.*put it at {cached_path(url)}'
    with pytest.raises(OSError, match=message):
        fetch(url)
    Path(cached_path(url)).write_bytes(CONTENT)
    assert fetch(url) == cached_path(url)


def test_a_file_is_itself(tmp_path) -> None:
    (tmp_path / 'a.pth').write_bytes(CONTENT)
    assert fetch(str(tmp_path / 'a.pth')) == str(tmp_path / 'a.pth')
    with pytest.raises(FileNotFoundError, match='There is no file .*b.pth'):
        fetch(str(tmp_path / 'b.pth'))
