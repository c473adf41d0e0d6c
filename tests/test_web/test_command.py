"""The command."""

import socket
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from tests.test_web.serving import start_server
from vlpose_mm.web import command, main


def refused(capsys: pytest.CaptureFixture, *args: str) -> str:
    """The error of the command, which ends it."""
    with pytest.raises(SystemExit) as caught:
        main(list(args))
    assert caught.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


@pytest.mark.slow
def test_server_ends_when_it_is_asked_to_and_deletes_its_files(tmp_path: Path) -> None:
    server = start_server(tmp_path)
    assert server.url.startswith('http://127.0.0.1:')
    assert server.folder.is_dir()
    assert server.stop() == 0
    assert server.output.read_text().splitlines() == [
        f'demo: open {server.url} (Ctrl-C stops it)',
        'Stopped.',
    ]
    assert list((tmp_path / 'files').glob('vlpose_web_*')) == []


@pytest.mark.parametrize(
    ('args', 'reason'),
    [
        (['--port', '70000'], '--port must be in 0 to 65535, got 70000'),
        (['--max-upload', '0'], '--max-upload must be some MB, got 0'),
        (['--max-upload', 'nan'], '--max-upload must be some MB, got nan'),
        (['--max-upload', 'inf'], '--max-upload must be some MB, got inf'),
        (['--host', '203.0.113.7'], 'cannot serve at 203.0.113.7'),
        (['--model', 'no/such.py', '--port', '0'], 'no/such.py'),
    ],
)
def test_wrong_options_are_refused(
    capsys: pytest.CaptureFixture, args: list[str], reason: str
) -> None:
    assert reason in refused(capsys, *args)


def test_port_that_is_taken_is_named(capsys: pytest.CaptureFixture) -> None:
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        told = refused(capsys, '--port', port)
    assert f'cannot serve at 127.0.0.1, port {port} (Address already in use)' in told


def test_boxes_of_a_file_are_refused(capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    path = tmp_path / 'boxes.json'
    path.write_text('{"images": [], "annotations": []}')
    told = refused(capsys, '--port', '0', '--people', str(path))
    assert 'boxes.json tells who is on the images of a file' in told
    assert 'name a detector' in told


def test_model_without_tuned_weights_is_refused(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    mini = 'projects/mini_humanart'
    told = refused(
        capsys,
        '--model',
        f'{mini}/configs/vlpose_mini_auto.py',
        '--weights',
        f'{mini}/vitpose_mini_photos.pth',
        '--port',
        '0',
    )
    assert 'has no tuned weights to compare with the original ones; give some' in told


def test_missing_gradio_is_told_with_the_remedy(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(command, 'version', missing)
    assert refused(capsys).endswith(
        'the page needs gradio; install it with: pip install "vlpose_mm[web]"'
    )


def test_gradio_that_is_too_old_is_refused(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, 'version', lambda name: '3.18.0')
    told = refused(capsys)
    assert f'needs gradio {command.GRADIO} or later, not 3.18.0' in told
    assert 'pip install "vlpose_mm[web]"' in told
