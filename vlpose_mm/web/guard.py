"""Lets through to gradio what the page asks for, and nothing else."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable

# Paths of the page's own requests. gradio answers many more, some of which fetch
# addresses or call methods by name.
READ = re.compile(
    r'/(config|theme\.css|favicon\.ico|manifest\.json|robots\.txt|(static|assets)/.+|'
    r'gradio_api/(info|theme\.css|app_id|startup-events|queue/data|upload_progress|'
    r'heartbeat/\w+))?'
)
FILE = '/gradio_api/file='
CALL = '/gradio_api/queue/join'
UPLOAD = '/gradio_api/upload'
# Of a call, in bytes: files are uploaded before it, so it holds their names and words.
MAX_CALL = 2**16
# What a browser puts around an uploaded file, in bytes.
FRAME = 2**14
# The page is whole by itself; a browser shall not even try to fetch anything else.
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
    """A layer around gradio's application.

    Args:
        app (Callable): The application.
        folder (str): Where uploaded and made files are; no other is handed out, or taken
            for an upload.
        max_upload (int): Largest upload in bytes.
    """

    def __init__(self, app: Callable, folder: str, max_upload: int) -> None:
        self.app = app
        self.folder = os.path.realpath(folder)
        self.max_upload = max_upload

    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:
        """Answer a request; see the ASGI specification."""
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
                receive = _again(body, receive)
            else:
                refusal = 400, 'This is no call of the page.'
        if refusal is None:
            return await self.app(scope, receive, send_guarded)
        status, reason = refusal
        headers = [(b'content-type', b'text/plain; charset=utf-8')]
        start = {'type': 'http.response.start', 'status': status, 'headers': headers}
        await send_guarded(start)
        await send({'type': 'http.response.body', 'body': reason.encode()})

    def _refuse(self, scope: dict) -> tuple[int, str] | None:
        """Tell status and reason if a request is not one of the page's."""
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
        # Browsers let any page send files anywhere, and tell where it is from.
        origin = headers.get(b'origin')
        if origin is not None and origin.partition(b'://')[2] != headers.get(b'host'):
            return 403, 'This is for the own page only.'
        length = headers.get(b'content-length', b'')
        # Content in chunks goes on for as long as it likes, whatever the length says.
        if not length.isdigit() or b'transfer-encoding' in headers:
            return 411, 'Say how long the content is.'
        if int(length) > limits[path]:
            return 413, f'This is too large; {limits[path]} bytes are taken at most.'
        return None

    def _is_ours(self, path: object) -> bool:
        """Whether a file is in the folder, after links and dots are followed."""
        if not isinstance(path, str) or not os.path.isabs(path) or '\0' in path:
            return False
        return os.path.realpath(path).startswith(self.folder + os.sep)

    def _is_call(self, body: bytes) -> bool:
        """Whether all files that a call names were uploaded."""
        foreign = []

        def check(part: dict) -> dict:
            # gradio fetches what has an address here.
            if part.get('path') is not None and not self._is_ours(part['path']):
                foreign.append(part)
            return part

        try:
            call = json.loads(body, object_hook=check)
        except (ValueError, RecursionError):
            return False
        return isinstance(call, dict) and not foreign


async def _read(receive: Callable) -> bytes:
    """Read the content of a request, whose length is known to be bounded."""
    body = b''
    while True:
        message = await receive()
        body += message.get('body', b'')
        if message['type'] != 'http.request' or not message.get('more_body'):
            return body


def _again(body: bytes, receive: Callable) -> Callable:
    """Hand on what was read, then what comes after it."""
    messages = [{'type': 'http.request', 'body': body, 'more_body': False}]

    async def receive_again() -> dict:
        return messages.pop() if messages else await receive()

    return receive_again
