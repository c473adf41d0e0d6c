"""The command that runs a collection: what it refuses before anything starts."""

from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from vlpose_mm import ray, requirements
from vlpose_mm.apis.writers import Failure, Summary
from vlpose_mm.tools.batch import main


def error_of(capsys: pytest.CaptureFixture, *args: object) -> str:
    with pytest.raises(SystemExit) as stop:
        main([*map(str, args), '--model', 'mini-drawn'])
    assert stop.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


def test_without_ray_it_names_the_extra(monkeypatch, capsys, tmp_path) -> None:
    def version(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr(requirements, 'version', version)
    monkeypatch.setattr(requirements, 'find_spec', lambda name: None)
    assert error_of(capsys, tmp_path, '--out', tmp_path / 'out') == (
        'error: vlpose_mm needs ray 2.60 or later, which is not installed; '
        'run: pip install "vlpose_mm[ray]"'
    )


def test_what_goes_in_and_out_is_refused_in_one_line(capsys, tmp_path) -> None:
    table, out = tmp_path / 'scans.parquet', tmp_path / 'out'
    parquet.write_table(pa.table(dict(url=['a'], id=[1])), table)
    assert error_of(capsys, table, '--out', out) == (
        'error: scans.parquet has no column path or image or bytes, but url, id; name that '
        'of the paths or bytes of the images (--column).'
    )
    coco = tmp_path / 'gone/coco.json'
    error = error_of(capsys, table, '--out', out, '--coco', coco)
    assert error == f'error: Cannot write {coco}: name a file in an existing folder.'
    assert error_of(capsys, Path('gone'), '--out', out).startswith(
        'error: There is no file'
    )
    assert not out.exists()


def test_of_many_failures_the_others_are_in_the_output(
    monkeypatch, capsys, tmp_path
) -> None:
    failures = [Failure(f'{number}.jpg', 'it is empty.') for number in range(11)]
    summary = Summary(str(tmp_path), failures=failures)
    monkeypatch.setattr(ray, 'estimate_collection', lambda *args, **kwargs: summary)
    main([str(tmp_path), '--out', str(tmp_path), '--model', 'mini-drawn'])
    *_, more, _ = capsys.readouterr().out.splitlines()
    assert more == '  and 1 more, see the column error of poses'
