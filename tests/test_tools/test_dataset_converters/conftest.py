"""Run converters in a folder."""

import importlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.test_tools.test_dataset_converters.layouts import LAYOUTS


@pytest.fixture
def convert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable:
    """Run a converter on ``data/NAME``; return what each split then has."""
    monkeypatch.chdir(tmp_path)

    def run(name: str, data: str, *args: str) -> dict[str, dict]:
        module = importlib.import_module(f'vlpose_mm.tools.dataset_converters.{name}')
        out = Path('data', data, 'keypoints')
        module.main([str(out.parent), str(out), *args])
        return {path.stem: json.loads(path.read_text()) for path in out.iterdir()}

    return run


@pytest.fixture
def refused(convert: Callable, capsys: pytest.CaptureFixture) -> Callable:
    """Run a converter that must fail and write nothing; return its error."""

    def run(name: str, data: str, *args: str) -> str:
        with pytest.raises(SystemExit) as exit_info:
            convert(name, data, *args)
        assert exit_info.value.code == 2
        assert not Path('data', data, 'keypoints').exists()
        captured = capsys.readouterr()
        assert captured.out == '' and captured.err.count('error: ') == 1
        return captured.err

    return run


@pytest.fixture
def layout(tmp_path: Path) -> Callable:
    """Write the sample of a layout to ``data/NAME``; return the folder."""

    def write(name: str) -> Path:
        folder = tmp_path / 'data' / name
        folder.mkdir(parents=True)
        LAYOUTS[name](folder)
        return folder

    return write
