"""Pass only the page's own requests to gradio."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable

# Paths that the page requests. gradio has many more, some of which fetch URLs or call
# methods by name.
READ = re.compile(
    r'/(config|theme\.css|favicon\.ico|manifest\.json|robots\.txt|(static|assets)/.+|'
    r'gradio_api/(info|theme\.css|app_id|startup-events|queue/data|upload_progress|'
    r'heartbeat/\w+))?'
)
FILE = '/gradio_api/file='
CALL = '/gradio_api/queue/join'
UPLOAD = '/gradio_api/upload'
# Size of a call in bytes; it holds names of uploaded files and text.
MAX_CALL = 2**16
# Size of the form around an uploaded file in bytes.
FRAME = 2**14
# The page needs nothing from elsewhere; browsers must not even try.
HEADERS = [
    (
        b'content-security-policy',
        b"default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
        b"connect-src 'self'; form-action 'self'; frame-ancestors 'self'; "
        b"object-src 'none'; base-uri 'self'",
    ),
    (b'x-content-type-options', b'nosniff'),
    (b'referrer-policy', b'no-referrer'),
]


class Guard:
    """ASGI middleware around gradio's application."""

    def __init__(self, app: Callable, folder: str, max_upload: int) -> None:
        self.app = app
        self.folder = os.path.realpath(folder)
        self.max_upload = max_upload

    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:
        """Handle a request; see the ASGI specification."""
        if scope['type'] == 'lifespan':
            return await self.app(scope, receive, send)
        if scope['type'] != 'http':
            return await send({'type': 'websocket.close', 'code': 1008})

        async def send_guarded(message: dict) -> None:
            if message['type'] == 'http.response.start':
                message['headers'] = [*message.get('headers', ()), *HEADERS]
            await send(message)

        refusal = self._refuse(scope)
        if refusal is None and scope['path'] == CALL:
            body = await _read(receive)
            if self._is_call(body):
                receive = _replay(body, receive)
            else:
                refusal = 400, 'This is not a call of the page.'
        if refusal is None:
            return await self.app(scope, receive, send_guarded)
        status, reason = refusal
        headers = [(b'content-type', b'text/plain; charset=utf-8')]
        start = {'type': 'http.response.start', 'status': status, 'headers': headers}
        await send_guarded(start)
        await send({'type': 'http.response.body', 'body': reason.encode()})

    def _refuse(self, scope: dict) -> tuple[int, str] | None:
        """Return status and reason if a request is not one of the page's."""
        method, path = scope['method'], scope['path']
        if method in ('GET', 'HEAD'):
            if READ.fullmatch(path):
                return None
            if path.startswith(FILE) and self._is_ours(path.removeprefix(FILE)):
                return None
            return 404, 'There is nothing here.'
        limits = {UPLOAD: self.max_upload + FRAME, CALL: MAX_CALL}
        if method != 'POST' or path not in limits:
            return 404, 'There is nothing here.'
        headers = dict(scope['headers'])
        # Browsers let any page upload anywhere, and send its origin.
        origin = headers.get(b'origin')
        if origin is not None and origin.partition(b'://')[2] != headers.get(b'host'):
            return 403, 'Only the page itself may send this.'
        length = headers.get(b'content-length', b'')
        # Chunked content ignores the length.
        if not length.isdigit() or b'transfer-encoding' in headers:
            return 411, 'The content length is missing.'
        if int(length) > limits[path]:
            return 413, f'This is larger than {limits[path]} bytes.'
        return None

    def _is_ours(self, path: object) -> bool:
        """Return whether a file, with links resolved, is in the folder."""
        if not isinstance(path, str) or not os.path.isabs(path) or '\0' in path:
            return False
        return os.path.realpath(path).startswith(self.folder + os.sep)

    def _is_call(self, body: bytes) -> bool:
        """Return whether all files in a call were uploaded."""
        foreign = []

        def check(part: dict) -> dict:
            # gradio would fetch URLs here.
            if part.get('path') is not None and not self._is_ours(part['path']):
                foreign.append(part)
            return part

        try:
            call = json.loads(body, object_hook=check)
        except (ValueError, RecursionError):
            return False
        return isinstance(call, dict) and not foreign


async def _read(receive: Callable) -> bytes:
    """Read the content of a request of bounded length."""
    body = b''
    while True:
        message = await receive()
        body += message.get('body', b'')
        if message['type'] != 'http.request' or not message.get('more_body'):
            return body


def _replay(body: bytes, receive: Callable) -> Callable:
    """Return a ``receive`` that starts with the content that was read."""
    messages = [{'type': 'http.request', 'body': body, 'more_body': False}]

    async def receive_again() -> dict:
        return messages.pop() if messages else await receive()

    return receive_again
