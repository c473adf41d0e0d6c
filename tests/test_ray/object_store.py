"""An object store of some objects, which speaks as much of S3 as PyArrow asks for."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape


class Handler(BaseHTTPRequestHandler):
    """Lists and returns objects; those of the bucket ``closed`` are refused."""

    def __init__(self, objects: dict[str, bytes], *args) -> None:
        self.objects = objects
        super().__init__(*args)

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        bucket, _, key = url.path.strip('/').partition('/')
        content = self.objects.get(f'{bucket}/{key}')
        if bucket == 'closed':
            self._answer(403, _error('AccessDenied', 'Access Denied'))
        elif key and content is None:
            self._answer(404, _error('NoSuchKey', 'The key does not exist'))
        elif key:
            first, _, last = self.headers.get('Range', 'bytes=0-')[6:].partition('-')
            end = int(last) + 1 if last else len(content)
            self._answer(206, content[int(first) : end], whole=len(content))
        else:
            prefix = parse_qs(url.query).get('prefix', [''])[0]
            found = {
                name.partition('/')[2]: len(content)
                for name, content in sorted(self.objects.items())
                if name.startswith(f'{bucket}/{prefix}')
            }
            listed = ''.join(
                f'<Contents><Key>{escape(key)}</Key><Size>{size}</Size></Contents>'
                for key, size in found.items()
            )
            body = f'<ListBucketResult><KeyCount>{len(found)}</KeyCount>{listed}'
            self._answer(200, f'{body}</ListBucketResult>'.encode())

    do_HEAD = do_GET

    def _answer(self, code: int, body: bytes, whole: int | None = None) -> None:
        self.send_response(code)
        size = whole if whole is not None and self.command == 'HEAD' else len(body)
        self.send_header('Content-Length', str(size))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Log nothing."""


def _error(code: str, message: str) -> bytes:
    return f'<Error><Code>{code}</Code><Message>{message}</Message></Error>'.encode()


@contextmanager
def serve(objects: dict[str, bytes]) -> Iterator[str]:
    """Serve objects by bucket and key; yield the options of their URLs."""
    server = ThreadingHTTPServer(('127.0.0.1', 0), partial(Handler, objects))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f'scheme=http&endpoint_override=127.0.0.1:{server.server_port}&region=here'
    server.shutdown()
    server.server_close()
