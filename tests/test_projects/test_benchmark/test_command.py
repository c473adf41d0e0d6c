"""python -m projects.benchmark"""

import json
import os
import subprocess
import sys
from functools import partialmethod
from pathlib import Path

import pytest
import torch

from projects.benchmark.__main__ import main

BASE = 'body_2d_keypoint/vlpose/humanart/td-hm_VLPose-base_8xb64-210e_humanart-256x192.py'
MMPOSE = (
    'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py'
)
QUICK = '--device cpu --rounds 2 --batch-sizes 2 --train-batch-size 2'.split()


@pytest.mark.slow
def test_json_holds_what_the_table_says_and_settings_change_it(
    small_config: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path = tmp_path / 'numbers.json'
    only = ['--only', 'inference', 'training', 'memory', 'text', '--json', str(path)]
    main([str(small_config), *QUICK, *only, '--dtype', 'bf16'])
    table, report = capsys.readouterr().out, json.loads(path.read_text())
    assert table.startswith(f'{small_config}, input 192 x 256 (width x height)\n')
    assert 'bf16, rounds: 2' in table
    assert [*report['cases']] == ['inference', 'training', 'memory', 'text']
    for name, comparisons in report['cases'].items():
        for comparison in comparisons:
            start = table.index(f'{name}: {comparison["title"]}')
            lines = table[start:].splitlines()[2:]
            for row, line in zip(comparison['rows'], lines, strict=False):
                assert line.startswith(row['name'])
                assert row['floor'] is None or f'{row["floor"]:.3f}' in line

    # A separate process prints only JSON.
    command = [sys.executable, '-m', 'projects.benchmark', small_config, *QUICK]
    command += '--only training data --threads 1 --json - --cfg-options'.split()
    done = subprocess.run(
        [*command, 'model.backbone.visual_prompt.num_tokens=50'],
        capture_output=True,
        check=True,
        env=dict(os.environ, PYTHONWARNINGS='ignore'),
    )
    other = json.loads(done.stdout)
    assert other['machine']['threads'] == 1
    (note,) = {comparison['note'] for comparison in other['cases']['data']}
    assert note == "Loaded: the config's own images."
    few, many = (r['cases']['training'][0]['rows'][1]['floor'] for r in (report, other))
    assert few < many


@pytest.mark.slow
def test_measures_compiled_models(
    small_config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    # Graphs are captured, but the minutes that a C++ compiler takes are left out.
    compiled = partialmethod(torch.nn.Module.compile, backend='eager')
    monkeypatch.setattr(torch.nn.Module, 'compile', compiled)
    main([str(small_config), *QUICK, '--only', 'training', '--compile'])
    assert 'float32, compiled, rounds: 2' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (['missing.py'], "vlpose_mm has no config 'missing.py'"),
        (['no_model.py'], 'The config has no `model`'),
        (['unknown.py'], 'Unheard is not in the mmpose::model registry'),
        (['offline.py'], '--text-dims D'),
        ([MMPOSE], 'TopdownPoseEstimator is not a VLPoseEstimator'),
        ([MMPOSE, '--text-dims', '768'], 'has no text encoder'),
        ([BASE, '--text-dims', '0'], 'must be at least 1'),
        ([BASE, '--only', 'everything'], "invalid choice: 'everything'"),
        ([BASE, '--batch-sizes', '0'], 'batch size 0 must be at least 1, got 0'),
        ([BASE, '--threads', '0'], '--threads must be at least 1, got 0'),
        ([BASE, '--device', 'cuda'], 'There is no CUDA device here; take the device cpu'),
        (['no_schedule.py', '--only', 'training'], 'The config has no `optim_wrapper`'),
    ],
)
def test_bad_input_gets_one_clear_error(
    args: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    monkeypatch.chdir(tmp_path)
    base = f"_base_ = __import__('vlpose_mm').config_path('{BASE}')\n"
    size = 'codec = dict(input_size=(192, 256))\noptim_wrapper = dict(a=1)\n'
    files = {
        'no_model.py': size,
        'unknown.py': f"{size}model = dict(type='Unheard')\n",
        'offline.py': f"{base}model = dict(text_encoder=dict(pretrained='./offline.py'))\n",
        'no_schedule.py': f'{base}optim_wrapper = None\n',
    }
    if args[0] in files:
        Path(args[0]).write_text(files[args[0]])
    with pytest.raises(SystemExit, match='2'):
        main([*args, *([] if '--only' in args else ['--only', 'inference'])])
    assert message in capsys.readouterr().err
