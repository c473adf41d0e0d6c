"""projects/onnx_runtime/benchmark.py: one table of precision and speed."""

import json
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / 'projects/onnx_runtime')
    import benchmark

    return benchmark


def test_prints_precision_and_speed_of_every_graph(
    small_config: Path,
    benchmark: ModuleType,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
) -> None:
    out = tmp_path / 'found.json'
    base = small_config.parent / 'vitpose.pth'
    args = [str(small_config), '--checkpoint', str(base), '--json', str(out)]
    benchmark.main([*args, '--rounds', '2', '--threads', '1', '--batch-size', '3'])
    table = capsys.readouterr().out.splitlines()
    names = ['PyTorch', 'ONNX, float32', 'ONNX, half', 'ONNX, int8', 'OpenVINO, float32']
    cells = [line.split('|')[1].strip() for line in table if line.startswith('|')]
    # Where the CPU has arithmetic in bfloat16, one more.
    names += ['OpenVINO, bf16'][: len(cells[2:]) - len(names)]
    assert cells[2:] == names
    found = json.loads(out.read_text())
    assert len(found['AP']) == len(found['sizes']) == len(names)
    # Untuned, it finds no instance; both agree on that.
    assert found['AP'][0] == pytest.approx(found['AP'][1], abs=1e-6)
    for route in ('tuned', 'original'):
        rows = found['speed'][route]['rows']
        assert [row['name'] for row in rows] == names
        assert all(len(row['samples']) == 2 for row in rows)


def test_a_wrong_checkpoint_gets_one_clear_error(
    small_config: Path, benchmark: ModuleType, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit):
        benchmark.main([str(small_config), '--checkpoint', 'missing.pth'])
    assert 'There is no file missing.pth' in capsys.readouterr().err
