"""Requests that the server refuses, sent without a browser."""

import json
from http.client import HTTPConnection
from pathlib import Path

import pytest

import vlpose_mm
from tests.test_web.serving import Server

CALL = '/gradio_api/queue/join'
UPLOAD = '/gradio_api/upload'
MULTIPART = {'content-type': 'multipart/form-data; boundary=edge'}


def ask(
    server: Server,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: dict | None = None,
) -> tuple[int, bytes, dict]:
    """Send a request as it is; return status, content and headers."""
    connection = HTTPConnection('127.0.0.1', server.port, timeout=20)
    headers = dict(headers or {})
    if body is not None and 'transfer-encoding' not in headers:
        headers.setdefault('content-length', str(len(body)))
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
        '/etc/passwd',
        '%2Fetc%2Fpasswd',
        '%252Fetc%252Fpasswd',
        '../../../../../../etc/passwd',
        '{folder}/../../../../../../../../etc/passwd',
        '{folder}/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd',
        '{folder}/..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2fetc/passwd',
        '{folder}',
        '{folder}/',
        '{folder}x/file',
        '/proc/self/environ',
        '{package}/version.py',
        '{package}/web/guard.py',
        '{weights}',
        'vlpose_mm/version.py',
        'file:///etc/passwd',
        'http://127.0.0.1:{port}/',
        'https://example.org/',
        '%00/etc/passwd',
        '{folder}/%00',
        '',
    ],
)
def test_no_file_of_the_machine_is_served(server: Server, path: str) -> None:
    package = Path(vlpose_mm.__file__).parent
    weights = package.parent / 'projects/mini_humanart/vitpose_mini_photos.pth'
    assert weights.is_file()
    path = path.format(
        folder=server.folder, package=package, weights=weights, port=server.port
    )
    for route in ('/gradio_api/file=', '/gradio_api/file/', '/file=', '/gradio_api/proxy='):
        for method in ('GET', 'HEAD'):
            status, content, _ = ask(server, method, route + path)
            assert status == 404
            assert content == (b'There is nothing here.' if method == 'GET' else b'')


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
    assert status in (403, 404)
    assert b'root:' not in content and b'import' not in content


@pytest.mark.parametrize(
    'path',
    [
        '/etc/passwd',
        '../../etc/passwd',
        'http://127.0.0.1:1/a.png',
        'https://example.org/a.png',
        'file:///etc/passwd',
        '{folder}',
        '{folder}/../x.png',
        '{folder}/\0',
        ['{folder}/a.png'],
        7,
    ],
)
def test_a_file_that_was_not_uploaded_is_refused(server: Server, path: object) -> None:
    if isinstance(path, str):
        path = path.format(folder=server.folder)
    before = server.addresses.read_text()
    status, _, _ = ask(server, 'POST', CALL, call(path))
    assert status == 400
    # Nor was an address fetched.
    assert server.addresses.read_text() == before


def test_file_is_found_in_any_part_of_a_call(server: Server) -> None:
    body = json.loads(call('/etc/passwd'))
    body['data'] = ['none', {'deep': [{'er': body['data'][0]}]}, '']
    status, _, _ = ask(server, 'POST', CALL, json.dumps(body).encode())
    assert status == 400


@pytest.mark.parametrize(
    'body', [b'', b'no json', b'[]', b'[' * 60_000, b'{"data": "\xff"}']
)
def test_a_malformed_call_is_refused(server: Server, body: bytes) -> None:
    assert ask(server, 'POST', CALL, body)[0] == 400


def test_a_link_in_the_folder_is_refused(server: Server) -> None:
    link = server.folder / 'link.png'
    link.symlink_to('/etc/passwd')
    assert ask(server, 'GET', f'/gradio_api/file={link}')[0] == 404
    assert ask(server, 'POST', CALL, call(str(link)))[0] == 400


def test_an_uploaded_file_is_served_and_accepted(server: Server) -> None:
    path = upload(server, 'mine.png', b'content')
    assert Path(path).is_relative_to(server.folder)
    status, content, _ = ask(server, 'GET', f'/gradio_api/file={path}')
    assert (status, content) == (200, b'content')
    assert ask(server, 'POST', CALL, call(path))[0] != 400


def test_name_of_an_upload_does_not_choose_its_folder(server: Server) -> None:
    for name in ('../../escape.png', '/tmp/escape.png', '..%2f..%2fescape.png'):
        path = Path(upload(server, name, b'content'))
        assert path.resolve().parent.parent == server.folder.resolve()


def test_page_that_is_uploaded_does_not_run(server: Server) -> None:
    path = upload(server, 'page.html', b'<script>alert(1)</script>')
    status, _, headers = ask(server, 'GET', f'/gradio_api/file={path}')
    assert status == 200
    assert headers['content-disposition'].startswith('attachment')
    assert headers['x-content-type-options'] == 'nosniff'


def test_oversized_uploads_are_refused_before_they_are_read(server: Server) -> None:
    for path, length in ((UPLOAD, 21 * 10**6), (UPLOAD, 10**15), (CALL, 2**16 + 1)):
        headers = {**MULTIPART, 'content-length': str(length)}
        assert ask(server, 'POST', path, None, headers)[0] == 413


def test_the_length_is_required(server: Server) -> None:
    headers = {**MULTIPART, 'transfer-encoding': 'chunked'}
    assert ask(server, 'POST', UPLOAD, b'2\r\nab\r\n0\r\n\r\n', headers)[0] == 411


def test_other_pages_cannot_send_anything(server: Server) -> None:
    own = server.url.rstrip('/')
    for path in (UPLOAD, CALL):
        for origin in ('https://example.org', 'null', f'{own}0', 'http://127.0.0.1:1', ''):
            headers = {'host': f'127.0.0.1:{server.port}', 'origin': origin}
            assert ask(server, 'POST', path, b'{}', headers)[0] == 403
        assert ask(server, 'POST', path, b'{}', {**headers, 'origin': own})[0] != 403


@pytest.mark.parametrize(
    ('method', 'path'),
    [
        ('POST', '/gradio_api/component_server'),
        ('POST', '/gradio_api/run/predict'),
        ('POST', '/gradio_api/api/predict'),
        ('POST', '/gradio_api/call/predict'),
        ('POST', '/gradio_api/process_recording'),
        ('POST', '/gradio_api/vibe-edit'),
        ('GET', '/gradio_api/vibe-code'),
        ('GET', '/gradio_api/openapi.json'),
        ('GET', '/monitoring'),
        ('GET', '/docs'),
        ('DELETE', '/gradio_api/upload'),
        ('PUT', '/'),
    ],
)
def test_other_routes_of_gradio_are_not_there(
    server: Server, method: str, path: str
) -> None:
    body = b'{}' if method != 'GET' else None
    assert ask(server, method, path, body)[0] == 404


def test_responses_forbid_requests_to_elsewhere(server: Server) -> None:
    for path in ('/', '/theme.css', '/gradio_api/file=/etc/passwd'):
        _, _, headers = ask(server, 'GET', path)
        policy = headers['content-security-policy']
        assert "default-src 'self'" in policy and "connect-src 'self'" in policy
        assert 'http' not in policy and '*' not in policy
