"""``vlpose web``."""

import socket
from pathlib import Path

import pytest
import torch

from tests.conftest import ROOT
from tests.test_web.serving import start_server
from vlpose_mm.checkpoint.download import DownloadError
from vlpose_mm.cli.main import main
from vlpose_mm.names import OFFLINE_MODEL
from vlpose_mm.web.command import build
from vlpose_mm.web.options import parse_web


def refused(capsys: pytest.CaptureFixture, args: str = '') -> str:
    """Run a wrong call; return its error."""
    with pytest.raises(SystemExit) as info:
        main(['web', *args.replace('MINI', 'projects/mini_humanart').split()])
    assert info.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


@pytest.mark.slow
def test_the_server_stops_and_deletes_its_files(tmp_path: Path) -> None:
    server = start_server(tmp_path)
    assert server.url.startswith('http://127.0.0.1:') and server.folder.is_dir()
    assert server.stop() == 0
    lines = [f'mini-drawn: open {server.url} (Ctrl-C stops it)', 'Stopped.']
    assert server.output.read_text().splitlines() == lines
    assert list((tmp_path / 'files').glob('vlpose_web_*')) == []


@pytest.mark.parametrize(
    ('args', 'reason'),
    [
        ('--port 70000', '--port must be in 0 to 65535, got 70000'),
        ('--max-upload 0', '--max-upload must be positive MB, got 0'),
        ('--max-upload nan', '--max-upload must be positive MB, got nan'),
        ('--max-upload inf', '--max-upload must be positive MB, got inf'),
        ('--host 203.0.113.7', 'cannot serve at 203.0.113.7'),
        ('--model no/such.py --port 0', 'no/such.py'),
    ],
)
def test_a_wrong_call_is_refused(args, reason, capsys, monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    assert reason in refused(capsys, args)


def test_a_port_that_is_taken_is_named(capsys) -> None:
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        port = taken.getsockname()[1]
        error = refused(capsys, f'--port {port}')
    assert f'cannot serve at 127.0.0.1, port {port} (Address already in use)' in error


def test_published_weights_answer_where_they_can_be_had_else_those_of_the_package(
    tmp_path, monkeypatch
) -> None:
    def unreachable(*args: object, **kwargs: object) -> None:
        raise OSError('no network')

    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    monkeypatch.setattr('vlpose_mm.checkpoint.download.urlopen', unreachable)
    options = '--port 0 --device cpu --det-model whole-image'.split()
    assert build(parse_web(options)).name == OFFLINE_MODEL
    # Here a small model stands for the published one.
    small = tmp_path / 'published.py'
    small.write_text(
        f"_base_ = '{ROOT}/projects/mini_humanart/configs/vitpose_mini_photos.py'\n"
        "load_from = 'https://a.example/published.pth'\n"
    )
    cached = tmp_path / 'checkpoints/published.pth'
    cached.parent.mkdir(exist_ok=True)
    weights = ROOT / 'projects/mini_humanart/vitpose_mini_photos.pth'
    cached.write_bytes(weights.read_bytes())
    monkeypatch.setattr('vlpose_mm.cli.inferencer.DEFAULT_MODEL', str(small))
    assert build(parse_web(options)).name == str(small)
    cached.unlink()
    assert build(parse_web(options)).name == OFFLINE_MODEL
    # Who names a model gets no other one.
    with pytest.raises(DownloadError, match='Cannot download https://a.example/'):
        build(parse_web([*options, '--model', str(small)]))


@pytest.mark.parametrize('found', ['3.18.0', '7.0'])
def test_an_unsupported_gradio_is_refused(found, tmp_path, capsys, monkeypatch) -> None:
    (tmp_path / 'gradio.dist-info').mkdir()
    metadata = f'Metadata-Version: 2.1\nName: gradio\nVersion: {found}\n'
    (tmp_path / 'gradio.dist-info/METADATA').write_text(metadata)
    monkeypatch.syspath_prepend(tmp_path)
    assert refused(capsys) == (
        'error: vlpose_mm needs gradio 6.31 or later, before 7, not gradio '
        f'{found}; run: pip install "gradio>=6.31,<7"'
    )
