"""Downloads: cached where MMEngine looks, checked, and resumed when broken off."""

import hashlib
import io
import multiprocessing
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from vlpose_mm.checkpoint.download import cached_path, fetch, fetch_all
from vlpose_mm.checkpoint.io import read_file

STREAM = io.BytesIO()
torch.save(dict(weight=torch.ones(1000)), STREAM)
CONTENT = STREAM.getvalue()
SHA256 = hashlib.sha256(CONTENT).hexdigest()
PUBLISHED = f'a-{SHA256[:8]}_20230611.pth'


class Handler(BaseHTTPRequestHandler):
    """Serves one file; how many bytes of it at once, and whether by range, can be set."""

    def do_GET(self) -> None:
        asked = self.headers['Range'] if self.server.knows_ranges else None
        self.server.requests.append(self.headers['Range'])
        if 'missing' in self.path:
            self.send_error(404)
            return
        start = int(asked.removeprefix('bytes=').removesuffix('-')) if asked else 0
        content = CONTENT[start:]
        if not content:
            self.send_error(416)
            return
        time.sleep(self.server.pause)
        self.send_response(206 if asked else 200)
        self.send_header('Content-Length', str(len(content)))
        self.end_headers()
        self.wfile.write(content[: self.server.at_once])

    def log_message(self, *args: object) -> None:
        """Print nothing."""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator:
    """A server, and an empty cache."""
    monkeypatch.setattr(torch.hub, 'get_dir', partial(str, tmp_path / 'hub'))
    server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    # Values of the header Range.
    server.requests = []
    server.knows_ranges, server.at_once, server.pause = True, None, 0
    server.url = f'http://127.0.0.1:{server.server_port}'
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.fast
@pytest.mark.parametrize(
    'name',
    ['vitpose.pth', 'é ü.pth', f'a-{SHA256[:8]}.pth', PUBLISHED],
)
def test_a_url_is_downloaded_once_to_where_mmengine_looks(name, server, tmp_path) -> None:
    url = f'{server.url}/a/{name}?download=1'
    path = tmp_path / 'hub/checkpoints' / name
    assert [fetch(url), fetch(url)] == [str(path)] * 2
    assert path.read_bytes() == CONTENT and len(server.requests) == 1
    assert [p.name for p in path.parent.iterdir()] == [name]
    assert read_file(url)['weight'].eq(1).all() and len(server.requests) == 1


@pytest.mark.parametrize(
    ('name', 'at_once', 'reason'),
    [
        ('half.pth', 999, f'it broke off after 999 of {len(CONTENT):,} bytes'),
        (
            'other-01234567_20230611.pth',
            None,
            f'its hash is {SHA256[:8]}, not the 01234567',
        ),
        ('missing.pth', None, 'Not Found'),
    ],
)
def test_nothing_is_kept_of_a_download_that_cannot_be_resumed(
    name, at_once, reason, server
) -> None:
    url = f'{server.url}/{name}'
    server.at_once = at_once
    for _ in range(2):
        with pytest.raises(OSError, match=f'Cannot download {url} .*{reason}') as info:
            fetch(url)
        assert f'put it at {cached_path(url)}.' in str(info.value)
    assert server.requests == [None, None]
    kept = Path(cached_path(url)).parent.iterdir()
    assert [path.name for path in kept] == [f'{name}.lock']


@pytest.mark.parametrize('knows_ranges', [True, False])
def test_a_published_file_that_breaks_off_is_resumed(knows_ranges, server, capsys) -> None:
    url = f'{server.url}/{PUBLISHED}'
    path = Path(cached_path(url))
    server.at_once = 999
    with pytest.raises(OSError, match=r'broke off after 999 of .*next call goes on there'):
        fetch(url)
    assert not path.exists()
    server.at_once, server.knows_ranges = None, knows_ranges
    assert Path(fetch(url)).read_bytes() == CONTENT
    assert server.requests == [None, 'bytes=999-']
    assert [each.name for each in path.parent.iterdir()] == [PUBLISHED]
    assert PUBLISHED in capsys.readouterr().err


def test_a_whole_part_needs_no_rest_and_a_wrong_one_is_deleted(server) -> None:
    url = f'{server.url}/{PUBLISHED}'
    part = Path(f'{cached_path(url)}.part')
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT)
    assert Path(fetch(url)).read_bytes() == CONTENT
    Path(fetch(url)).unlink()
    part.write_bytes(b'of another file')
    with pytest.raises(OSError, match='so it was deleted'):
        fetch(url)
    assert not part.exists() and Path(fetch(url)).read_bytes() == CONTENT


def test_two_processes_download_a_file_once(server) -> None:
    url = f'{server.url}/{PUBLISHED}'
    server.pause = 0.3
    context = multiprocessing.get_context('fork')
    others = [context.Process(target=fetch, args=(url,)) for _ in range(2)]
    for process in others:
        process.start()
    for process in others:
        process.join()
        assert process.exitcode == 0
    assert Path(fetch(url)).read_bytes() == CONTENT and server.requests == [None]


def test_all_files_that_are_missing_are_named_at_once(server) -> None:
    first, second = 'http://127.0.0.1:9/model.pth', f'{server.url}/missing/yolox.pth'
    cached = f'{server.url}/cached.pth'
    fetch(cached)
    with pytest.raises(OSError, match='refused') as info:
        fetch_all([cached, first, second])
    places = f'{cached_path(first)}, and {second} at {cached_path(second)}.'
    assert str(info.value).endswith(f'put it at {places}')


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
