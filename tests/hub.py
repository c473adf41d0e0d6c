"""A stand-in for the Hugging Face hub: what the real client asks of it, on this machine."""

import base64
import hashlib
import importlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest
from huggingface_hub import constants

TOKEN = 'hf_owner'


class Repo(NamedTuple):
    """A repository: its commits from the first to the last, each with files by path."""

    private: bool
    commits: dict[str, dict[str, bytes]]


class Hub(ThreadingHTTPServer):
    """Repositories by name, and what was asked."""

    def __init__(self) -> None:
        super().__init__(('127.0.0.1', 0), Handler)
        self.repos: dict[str, Repo] = {}
        # What large files were uploaded as, by hash.
        self.objects: dict[str, bytes] = {}
        self.requests: list[str] = []
        # Of every answer, if set.
        self.status: int | None = None
        self.url = f'http://127.0.0.1:{self.server_port}'

    def commit(self, repo: str, files: dict[str, bytes], private: bool = False) -> str:
        """Add files to a repository; return the hash of the commit."""
        commits = self.repos.setdefault(repo, Repo(private, {})).commits
        last = [{}, *commits.values()][-1]
        oid = hashlib.sha1(f'{repo}{len(commits)}'.encode()).hexdigest()
        commits[oid] = {**last, **files}
        return oid


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: Hub

    def do_HEAD(self) -> None:
        self.answer()

    do_GET = do_POST = do_PUT = do_HEAD

    def answer(self) -> None:
        """Find the repository, and answer what is asked of it."""
        path = self.path.partition('?')[0]
        body = self.rfile.read(int(self.headers['Content-Length'] or 0))
        self.server.requests.append(f'{self.command} {path}')
        if self.server.status is not None:
            return self.reply({}, self.server.status)
        if path == '/api/validate-yaml':
            return self.reply(dict(errors=[], warnings=[]))
        is_owner = self.headers['Authorization'] == f'Bearer {TOKEN}'
        if path.startswith('/objects/'):
            self.server.objects[path.rpartition('/')[2]] = body
            return self.reply({})
        if path == '/api/repos/create':
            return self.create(json.loads(body)) if is_owner else self.reply({}, 401)
        parts = path.removeprefix('/api/models').strip('/').split('/')
        name, rest = f'{parts[0]}/{parts[1].removesuffix(".git")}', parts[2:]
        repo = self.server.repos.get(name)
        if repo is None or repo.private and not is_owner:
            return self.fail('RepoNotFound', 401)
        if 'gated' in name:
            return self.fail('GatedRepo', 403)
        if rest[:1] == ['resolve']:
            return self.send_file(repo, rest[1], '/'.join(rest[2:]))
        if not rest or rest[0] == 'revision':
            info = dict(id=name, sha=[None, *repo.commits][-1], private=repo.private)
            return self.reply(dict(info, siblings=[], tags=[]))
        if not is_owner:
            return self.reply({}, 403)
        if rest[0] == 'preupload':
            files = [self.upload_mode(each) for each in json.loads(body)['files']]
            return self.reply(dict(files=files))
        if rest[0] == 'info':
            objects = [
                dict(each, actions=dict(upload=self.upload(each['oid'])))
                for each in json.loads(body)['objects']
            ]
            return self.reply(dict(transfer='basic', objects=objects))
        assert rest[0] == 'commit', self.path
        return self.commit(name, [json.loads(line) for line in body.splitlines()])

    def create(self, asked: dict) -> None:
        name = f'{asked["organization"]}/{asked["name"]}'
        url = f'{self.server.url}/{name}'
        if name in self.server.repos:
            return self.reply(dict(error='You already created this', url=url), 409)
        private = bool(asked.get('private') or asked.get('visibility') == 'private')
        self.server.repos[name] = Repo(private, {})
        self.reply(dict(url=url, id=name, name=name))

    def upload_mode(self, file: dict) -> dict:
        is_large = file['path'].endswith('.safetensors')
        mode = 'lfs' if is_large else 'regular'
        return dict(path=file['path'], uploadMode=mode, shouldIgnore=False)

    def upload(self, oid: str) -> dict:
        return dict(href=f'{self.server.url}/objects/{oid}', header={})

    def commit(self, name: str, lines: list[dict]) -> None:
        files = {}
        for line in lines:
            value = line['value']
            if line['key'] == 'file':
                files[value['path']] = base64.b64decode(value['content'])
            elif line['key'] == 'lfsFile':
                files[value['path']] = self.server.objects[value['oid']]
        oid = self.server.commit(name, files)
        url = f'{self.server.url}/{name}/commit/{oid}'
        self.reply(dict(commitUrl=url, commitOid=oid, hookOutput='', success=True))

    def send_file(self, repo: Repo, revision: str, path: str) -> None:
        oid = [*repo.commits][-1] if revision == 'main' else revision
        if oid not in repo.commits:
            return self.fail('RevisionNotFound', 404)
        if path not in repo.commits[oid]:
            return self.fail('EntryNotFound', 404, oid)
        content = repo.commits[oid][path]
        etag = hashlib.sha256(content).hexdigest()
        self.reply(content, headers={'ETag': f'"{etag}"', 'X-Repo-Commit': oid})

    def fail(self, code: str, status: int, commit: str = '') -> None:
        self.reply({}, status, {'X-Error-Code': code, 'X-Repo-Commit': commit})

    def reply(
        self, content: dict | bytes, status: int = 200, headers: dict | None = None
    ) -> None:
        """Send JSON or bytes."""
        stream = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in dict(headers or {}).items():
            self.send_header(name, value)
        self.send_header('Content-Length', str(len(stream)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(stream)

    def log_message(self, *args: object) -> None:
        """Print nothing."""


@contextmanager
def client(**variables: str) -> Iterator[None]:
    """Let the client read environment variables again, in a ``with`` block."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        importlib.reload(constants)
        yield
    importlib.reload(constants)


@contextmanager
def serve(cache: Path) -> Iterator[Hub]:
    """Serve an empty hub in a ``with`` block, to a client that owns what it makes."""
    hub = Hub()
    threading.Thread(target=hub.serve_forever, args=(0.02,), daemon=True).start()
    variables = dict(HF_ENDPOINT=hub.url, HF_HUB_CACHE=str(cache), HF_TOKEN=TOKEN)
    try:
        # The other way to transfer large files has servers of its own.
        with client(**variables, HF_HUB_DISABLE_XET='1'):
            yield hub
    finally:
        hub.shutdown()
        hub.server_close()
