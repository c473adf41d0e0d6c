"""The console script answers without importing what takes seconds to import."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from vlpose_mm.version import __version__

# As in the console script.
SCRIPT = 'import sys; from vlpose_mm_cli import main; sys.exit(main())'
LARGE = {*'cv2 mmcv mmdet mmengine mmpose numpy torch torchvision transformers'.split()}


def vlpose(*args: str) -> tuple[int, str, list[str], set[str]]:
    """Run the command; return exit code, standard output, errors and imported packages."""
    done = subprocess.run(
        [sys.executable, '-X', 'importtime', '-c', SCRIPT, *args],
        cwd=ROOT,
        env=dict(os.environ, PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
    )
    lines = done.stderr.splitlines()
    imports = [line for line in lines if line.startswith('import time:')]
    packages = {line.rpartition('|')[2].strip().partition('.')[0] for line in imports}
    assert 'vlpose_mm_cli' in packages
    errors = [line for line in lines if line not in imports]
    return done.returncode, done.stdout, errors, packages


@pytest.mark.fast
@pytest.mark.parametrize(
    ('args', 'output'),
    [
        ('--help', 'usage: vlpose IMAGE'),
        ('--version', __version__),
        ('demo --help', 'usage: vlpose demo'),
        ('web --help', 'usage: vlpose web'),
        ('push --help', 'usage: vlpose push'),
        ('models --help', 'usage: vlpose models'),
        ('models', '--model '),
    ],
)
def test_information_needs_nothing_large_and_prints_no_errors(args, output) -> None:
    code, printed, errors, packages = vlpose(*args.split())
    assert (code, errors) == (0, []) and printed.startswith(output)
    assert packages & LARGE == set()


@pytest.mark.parametrize(
    ('args', 'error'),
    [
        ('', 'vlpose: error: name an image, a folder'),
        ('--color', 'vlpose: error: unrecognized arguments: --color'),
        ('. --route best', "vlpose: error: argument --route: invalid choice: 'best'"),
        ('. --batch-size 0', 'error: --batch-size must be at least 1, got 0'),
        ('nowhere.jpg', 'error: There is no file or folder nowhere.jpg.'),
        ('. --bboxes none.json', 'error: There is no file none.json.'),
        ('. --scenario mural', 'error: The published weights read no text'),
        ('. --route tuned', 'error: The published weights read no text'),
        ('. --weights none.pth', 'error: There is no file none.pth.'),
        ('. --model vlpose', "error: Unknown model 'vlpose'"),
        ('. --det-weights x.pth', 'error: --det-weights needs a detector'),
        ('demo here', 'vlpose demo: error: unrecognized arguments: here'),
        ('models all', 'vlpose models: error: unrecognized arguments: all'),
        ('push docs toon', 'error: toon is not the name of a repository'),
        ('push docs me/toon', 'error: docs is not the folder of an adapter; write one'),
        ('web --port 70000', 'error: --port must be in 0 to 65535, got 70000'),
        ('web --base-weights none.pth', 'error: There is no file none.pth.'),
    ],
)
def test_a_wrong_call_needs_nothing_large_and_prints_its_error(args, error) -> None:
    code, printed, errors, packages = vlpose(*args.split())
    assert (code, printed) == (2, '') and errors[-1].startswith(error)
    # Before it there is only argparse's usage.
    assert errors[:-1] == [] or errors[0].startswith('usage: vlpose')
    assert packages & LARGE == set()


def test_the_command_is_a_module_too(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, 'argv', ['vlpose', '--version'])
    with pytest.raises(SystemExit) as info:
        runpy.run_module('vlpose_mm.cli', run_name='__main__')
    assert info.value.code == 0 and capsys.readouterr().out.strip() == __version__


def test_a_text_prompt_is_utf_8_in_any_locale() -> None:
    program = (
        'import sys; from vlpose_mm.local_files import read_argument; '
        'print(ascii([read_argument(text) for text in sys.argv[1:]]))'
    )
    env = {**os.environ, 'LC_ALL': 'C', 'PYTHONCOERCECLOCALE': '0'}
    args = ['une fresque à Rome'.encode(), b'caf\xe9']
    run = [sys.executable, '-X', 'utf8=0', '-c', program, *args]
    done = subprocess.run(run, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ascii(['une fresque à Rome', 'caf\udce9'])


@pytest.mark.parametrize(
    'command', [['-c', SCRIPT, 'demo'], ['-m', 'vlpose_mm.tools.evaluate', 'a', 'b']]
)
def test_an_interrupt_during_imports_shows_no_traceback(
    command: list[str], tmp_path: Path
) -> None:
    (tmp_path / 'torch.py').write_text('raise KeyboardInterrupt')
    env = dict(os.environ, PYTHONPATH=os.pathsep.join([str(tmp_path), str(ROOT)]))
    run = [sys.executable, *command]
    done = subprocess.run(run, env=env, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode and done.stderr == 'Interrupted.\n'
