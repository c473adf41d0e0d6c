"""projects/ablations: the command runs rows, caches them, and writes tables."""

import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.logging import MMLogger

from projects.ablations.rows import Row, choose_rows
from projects.ablations.run import main
from projects.ablations.table import format_tables
from tests.conftest import ROOT

# So many that it can be interrupted before the last one.
EPOCHS = 6


def result(artificial: float, all_: float = 0.2, trained: int = 0) -> dict:
    return dict(
        artificial=artificial, all=all_, trained=trained, total=2_000_000, seconds=90.4
    )


@pytest.mark.fast
def test_table_shows_mean_spread_and_the_best() -> None:
    found = [0.2, 0.25, 0.27]
    table = format_tables(
        {
            Row('wiring', 'dual'): [result(ap, trained=324_000) for ap in found],
            Row('wiring', 'injector'): [result(0.1, 0.3)],
            Row('wiring', 'released'): [],
            Row('matcher', 'joint'): [result(0.05)],
        }
    )
    wiring, matcher = table.split('## matcher')
    mean, spread = 100 * np.mean(found), 100 * np.std(found, ddof=1)
    cells = [re.split(r' *\| *', line)[1:-1] for line in wiring.splitlines()[4:]]
    assert cells[:3] == [
        [
            'dual',
            f'**{mean:.1f} ± {spread:.1f}**',
            '20.0 ± 0.0',
            '0.324',
            '2.000',
            '90',
            '3',
        ],
        ['injector', '10.0', '**30.0**', '0.000', '2.000', '90', '1'],
        ['released', 'missing', '', '', '', '', '0'],
    ]
    assert '**5.0**' in matcher
    assert len({len(line) for line in wiring.splitlines() if line.startswith('|')}) == 1


def run(*args: object, status: int = 0) -> str:
    """Run the command in this process, and return what it prints."""
    logger, handlers = MMLogger.get_current_instance(), {}
    for ending in (signal.SIGTERM, signal.SIGHUP):
        handlers[ending] = signal.getsignal(ending)
    output, level = io.StringIO(), logger.level
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(output):
        patch.setattr(sys, 'argv', ['run.py', *map(str, args)])
        patch.chdir(ROOT)
        try:
            main()
            code = ''
        except SystemExit as error:
            code = error.code
        finally:
            logger.setLevel(level)
            for ending, handler in handlers.items():
                signal.signal(ending, handler)
    assert bool(code) == bool(status), f'{output.getvalue()}{code}'
    return f'{output.getvalue()}{code}'


def test_bad_names_and_numbers_are_refused_and_rows_are_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(ValueError, match="'wirings'; choose among backbone, matcher"):
        choose_rows(['wirings'])
    with pytest.raises(ValueError, match="'duel' of wiring; choose among dual, extractor"):
        choose_rows(['wiring/duel'])
    for args in (['x'], ['--seeds', '0'], ['--seeds', '-1'], ['--epochs', 'x']):
        monkeypatch.setattr(sys, 'argv', ['run.py', *args])
        with pytest.raises(SystemExit, match='2'):
            main()
        assert re.search(r"error: .*'(x|0|-1)'", capsys.readouterr().err)
    assert [row.name for row in choose_rows(['num_prompts'])] == '1 5 10 20 50 100'.split()
    assert len(choose_rows(['wiring', 'wiring/dual'])) == 4
    monkeypatch.setattr(sys, 'argv', ['run.py', '--list'])
    main()
    assert 'matcher: cosine, cross, joint\n' in capsys.readouterr().out


def running(text: str) -> list[str]:
    """Processes whose command line holds a text."""
    found = []
    for path in Path('/proc').glob('[0-9]*/cmdline'):
        # It may end meanwhile.
        with contextlib.suppress(OSError):
            found.append(path.read_text())
    return [command for command in found if text in command]


@pytest.mark.slow
def test_resumes_after_an_interruption_and_shares_results(
    mini_data: Path, tmp_path: Path
) -> None:
    args = ['--seeds', 1, '--epochs', EPOCHS, '--data', mini_data, '--out', tmp_path]
    command = [sys.executable, '-m', 'projects.ablations.run', 'wiring/dual']
    process = subprocess.Popen(
        [*command, *map(str, args)],
        env=dict(os.environ, PYTHONWARNINGS='ignore', OMP_NUM_THREADS='1'),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    while not (found := list(tmp_path.glob('runs/*/seed_0/train/last_checkpoint'))):
        assert process.poll() is None
        time.sleep(0.1)
    # Ctrl-C does the same, but what is started in the background ignores that.
    process.terminate()
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1 and 'missing' in output
    assert not running(str(tmp_path))
    done = int(re.search(r'epoch_(\d+)', found[0].read_text())[1])
    assert 1 <= done < EPOCHS

    assert '1 runs: 1 to do' in run('wiring/dual', *args)
    logs = sorted(tmp_path.glob('runs/*/seed_0/train/*/*.log'))
    epochs = [re.findall(r'Saving checkpoint at (\d+) epochs', p.read_text()) for p in logs]
    assert [list(map(int, each)) for each in epochs] == [
        [*range(1, done + 1)],
        [*range(done + 1, EPOCHS + 1)],
    ]
    (dual,) = json.loads((tmp_path / 'results.json').read_text())['wiring/dual']
    assert dual['total'] > dual['trained'] > 0 and dual['seconds'] > 1

    again = run('matcher/joint', 'wiring/dual', *args)
    assert '2 runs: 0 to do' in again and '[' not in again.split('to do')[1]
    table = (tmp_path / 'table.md').read_text()
    assert table.endswith(again[again.index('## matcher') : again.index('\nWritten to')])
    rows = {line.split()[1]: line for line in table.splitlines() if line.startswith('| ')}
    assert rows['joint'].split()[2:] == rows['dual'].split()[2:]


@pytest.mark.slow
def test_a_failing_row_does_not_stop_the_others(mini_data: Path, tmp_path: Path) -> None:
    data, out = tmp_path / 'data', tmp_path / 'out'
    shutil.copytree(mini_data, data)
    training = (data / 'HumanArt/annotations/training_humanart.json').read_text()
    (data / json.loads(training)['images'][0]['file_name']).unlink()
    names = ('wiring/dual', 'tuning/vitpose_original')
    args = ('--seeds', 2, '--epochs', 1, '--data', data, '--out', out)
    output = run(*names, *args, status=1)
    assert 'wiring/dual seed 0 FAILED' in output and 'No such file' in output
    # Nothing is trained in the second one, so both seeds are the same.
    assert re.search(
        r'\[2/3\] tuning/vitpose_original seed 0 ... AP [\d.]+ \(\d+ s', output
    )
    assert 'Not finished: wiring/dual seed 0 failed; wiring/dual seed 1 failed' in output
    results = json.loads((out / 'results.json').read_text())
    (original,) = results['tuning/vitpose_original']
    assert original['trained'] == original['seconds'] == 0 < original['total']
    configs = sorted((out / 'runs').glob('*/seed_?/config.py'))
    seeds = [(Config.fromfile(p).randomness.seed, p.parent.name) for p in configs]
    assert sorted(seeds) == [(0, 'seed_0'), (0, 'seed_0'), (1, 'seed_1')]
