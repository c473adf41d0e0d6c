"""Downloads: cached where MMEngine looks, checked, and never kept in part."""

import hashlib
import io
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from vlpose_mm.checkpoint.download import cached_path, fetch
from vlpose_mm.checkpoint.io import read_file

STREAM = io.BytesIO()
torch.save(dict(weight=torch.ones(1000)), STREAM)
CONTENT = STREAM.getvalue()
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Serves one file, complete or truncated."""

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        if 'missing' in self.path:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header('Content-Length', str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[: 999 if 'half' in self.path else None])

    def log_message(self, *args: object) -> None:
        """Print nothing."""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator:
    """A server, and an empty cache."""
    monkeypatch.setattr(torch.hub, 'get_dir', partial(str, tmp_path / 'hub'))
    server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.requests = []
    server.url = f'http://127.0.0.1:{server.server_port}'
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.fast
@pytest.mark.parametrize(
    'name',
    ['vitpose.pth', 'é ü.pth', f'a-{SHA256[:8]}.pth', f'a-{SHA256[:8]}_20230611.pth'],
)
def test_a_url_is_downloaded_once_to_where_mmengine_looks(name, server, tmp_path) -> None:
    url = f'{server.url}/a/{name}?download=1'
    path = tmp_path / 'hub/checkpoints' / name
    assert [fetch(url), fetch(url)] == [str(path)] * 2
    assert path.read_bytes() == CONTENT and len(server.requests) == 1
    assert [p.name for p in path.parent.iterdir()] == [name]
    assert read_file(url)['weight'].eq(1).all() and len(server.requests) == 1


@pytest.mark.parametrize(
    ('name', 'reason'),
    [
        ('half.pth', 'it broke off'),
        (f'half-{SHA256[:8]}.pth', 'invalid hash value'),
        ('other-01234567_20230611.pth', 'invalid hash value'),
        ('missing.pth', 'Not Found'),
    ],
)
def test_nothing_is_kept_of_a_download_that_fails(name, reason, server) -> None:
    url = f'{server.url}/{name}'
    for _ in range(2):
        with pytest.raises(OSError, match=f'Cannot download {url} .*{reason}') as info:
            fetch(url)
        assert f'put it at {cached_path(url)}' in str(info.value)
    assert not list(Path(cached_path(url)).parent.iterdir()) and len(server.requests) == 2


def test_without_network_the_url_and_the_place_are_named(server) -> None:
    url = 'http://127.0.0.1:9/vitpose.pth'
    message = f'Cannot download {url} .*refused.*put it at {cached_path(url)}'
    with pytest.raises(OSError, match=message):
        fetch(url)
    Path(cached_path(url)).write_bytes(CONTENT)
    assert fetch(url) == cached_path(url)


def test_a_local_file_is_returned_and_a_missing_one_named(tmp_path) -> None:
    (tmp_path / 'a.pth').write_bytes(CONTENT)
    assert fetch(str(tmp_path / 'a.pth')) == str(tmp_path / 'a.pth')
    with pytest.raises(FileNotFoundError, match='There is no file .*b.pth'):
        fetch(str(tmp_path / 'b.pth'))
