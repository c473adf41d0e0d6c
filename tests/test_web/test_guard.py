"""Requests that the server refuses, sent without a browser."""

import json
from collections.abc import Mapping
from http.client import HTTPConnection
from pathlib import Path
from types import MappingProxyType

import pytest

import vlpose_mm
from tests.test_web.serving import Server

CALL, UPLOAD = '/gradio_api/queue/join', '/gradio_api/upload'
FILE = '/gradio_api/file='
MULTIPART = {'content-type': 'multipart/form-data; boundary=edge'}
WEIGHTS = 'projects/mini_humanart/vitpose_mini_photos.pth'


def ask(
    server: Server,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping = MappingProxyType({}),
) -> tuple[int, bytes, dict]:
    """Send a request as it is; return status, content and headers."""
    connection = HTTPConnection('127.0.0.1', server.port, timeout=20)
    if body is not None and 'transfer-encoding' not in headers:
        headers = {'content-length': str(len(body)), **headers}
    connection.putrequest(
        method, path, skip_host='host' in headers, skip_accept_encoding=True
    )
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    if body:
        connection.send(body)
    answer = connection.getresponse()
    content = answer.status, answer.read(), dict(answer.getheaders())
    connection.close()
    return content


def upload(server: Server, name: str, content: bytes) -> str:
    """Upload a file; return its path."""
    head = (
        '--edge\r\ncontent-disposition: form-data; name="files"; '
        f'filename="{name}"\r\ncontent-type: image/png\r\n\r\n'
    )
    body = head.encode() + content + b'\r\n--edge--\r\n'
    status, answer, _ = ask(server, 'POST', UPLOAD, body, MULTIPART)
    assert status == 200
    return json.loads(answer)[0]


def call(path: object) -> bytes:
    """Return a call with an uploaded file."""
    file = dict(path=path, meta=dict(_type='gradio.FileData'), orig_name='a.png')
    return json.dumps(dict(data=[file, 'none', ''], fn_index=0, session_hash='a')).encode()


@pytest.mark.parametrize(
    'path',
    [
        *('', '/etc/passwd', '%2Fetc%2Fpasswd', '%252Fetc%252Fpasswd', '%00/etc/passwd'),
        *('../../../../../../etc/passwd', '/proc/self/environ', 'vlpose_mm/version.py'),
        *('{folder}', '{folder}/', '{folder}x/file', '{folder}/%00'),
        '{folder}/../../../../../../../../etc/passwd',
        '{folder}/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd',
        '{folder}/..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2fetc/passwd',
        *('{root}/vlpose_mm/version.py', '{root}/vlpose_mm/web/guard.py'),
        *(f'{{root}}/{WEIGHTS}', 'file:///etc/passwd'),
        *('http://127.0.0.1:{port}/', 'https://example.org/'),
    ],
)
def test_no_file_of_the_machine_is_served(server: Server, path: str) -> None:
    root = Path(vlpose_mm.__file__).parents[1]
    assert (root / WEIGHTS).is_file()
    path = path.format(folder=server.folder, root=root, port=server.port)
    for route in (FILE, '/gradio_api/file/', '/file=', '/gradio_api/proxy='):
        for method, expected in (('GET', b'There is nothing here.'), ('HEAD', b'')):
            assert ask(server, method, route + path)[:2] == (404, expected)


@pytest.mark.parametrize(
    'path',
    [
        '/static/../../../../../../../../../../etc/passwd',
        '/static/%2e%2e/%2e%2e/blocks.py',
        '/assets/..%2f..%2f..%2f..%2fblocks.py',
        '/static//etc/passwd',
        '/assets//etc/passwd',
    ],
)
def test_folders_of_the_page_serve_only_its_parts(server: Server, path: str) -> None:
    status, content, _ = ask(server, 'GET', path)
    assert status in (403, 404) and b'root:' not in content and b'import' not in content


def test_a_call_with_a_file_that_was_not_uploaded_is_refused(server: Server) -> None:
    link = server.folder / 'link.png'
    link.symlink_to('/etc/passwd')
    assert ask(server, 'GET', f'{FILE}{link}')[0] == 404
    paths = [
        *('/etc/passwd', '../../etc/passwd', 'file:///etc/passwd', str(link), 7),
        *('http://127.0.0.1:1/a.png', 'https://example.org/a.png', f'{server.folder}'),
        *(f'{server.folder}/../x.png', f'{server.folder}/\0', [f'{server.folder}/a.png']),
    ]
    before = server.addresses.read_text()
    for path in paths:
        assert ask(server, 'POST', CALL, call(path))[0] == 400, path
    # Nor was an address fetched.
    assert server.addresses.read_text() == before
    body = json.loads(call('/etc/passwd'))
    body['data'] = ['none', {'deep': [{'er': body['data'][0]}]}, '']
    malformed = b'', b'no json', b'[]', b'[' * 60_000, b'{"data": "\xff"}'
    for content in (json.dumps(body).encode(), *malformed):
        assert ask(server, 'POST', CALL, content)[0] == 400


def test_an_uploaded_file_is_served_and_accepted_but_does_not_run(server: Server) -> None:
    path = upload(server, 'page.html', b'<script>alert(1)</script>')
    assert Path(path).is_relative_to(server.folder)
    status, content, headers = ask(server, 'GET', f'{FILE}{path}')
    assert (status, content) == (200, b'<script>alert(1)</script>')
    assert headers['content-disposition'].startswith('attachment')
    assert headers['x-content-type-options'] == 'nosniff'
    assert ask(server, 'POST', CALL, call(path))[0] != 400
    for name in ('../../escape.png', '/tmp/escape.png', '..%2f..%2fescape.png'):
        path = Path(upload(server, name, b'content')).resolve()
        assert path.parent.parent == server.folder.resolve()


def test_the_length_is_required_and_limited_before_anything_is_read(server: Server) -> None:
    for path, length in ((UPLOAD, 21 * 10**6), (UPLOAD, 10**15), (CALL, 2**16 + 1)):
        headers = {**MULTIPART, 'content-length': str(length)}
        assert ask(server, 'POST', path, None, headers)[0] == 413
    headers = {**MULTIPART, 'transfer-encoding': 'chunked'}
    assert ask(server, 'POST', UPLOAD, b'2\r\nab\r\n0\r\n\r\n', headers)[0] == 411


def test_other_pages_cannot_send_anything(server: Server) -> None:
    own = server.url.rstrip('/')
    for path in (UPLOAD, CALL):
        for origin in ('https://example.org', 'null', f'{own}0', 'http://127.0.0.1:1', ''):
            headers = {'host': f'127.0.0.1:{server.port}', 'origin': origin}
            assert ask(server, 'POST', path, b'{}', headers)[0] == 403
        assert ask(server, 'POST', path, b'{}', {**headers, 'origin': own})[0] != 403


def test_other_routes_of_gradio_are_not_there(server: Server) -> None:
    names = 'component_server run/predict api/predict call/predict process_recording'
    routes = [('POST', f'/gradio_api/{name}') for name in (*names.split(), 'vibe-edit')]
    routes += [('GET', f'/gradio_api/{name}') for name in ('vibe-code', 'openapi.json')]
    routes += [('GET', '/monitoring'), ('GET', '/docs'), ('DELETE', UPLOAD), ('PUT', '/')]
    for method, path in routes:
        body = b'{}' if method != 'GET' else None
        assert ask(server, method, path, body)[0] == 404, path


def test_responses_forbid_requests_to_elsewhere(server: Server) -> None:
    for path in ('/', '/theme.css', f'{FILE}/etc/passwd'):
        policy = ask(server, 'GET', path)[2]['content-security-policy']
        assert "default-src 'self'" in policy and "connect-src 'self'" in policy
        assert 'http' not in policy and '*' not in policy
