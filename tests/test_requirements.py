"""Unsupported versions are refused in one sentence that names the remedy."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from tests.conftest import ROOT
from tests.test_cli.test_startup import SCRIPT
from vlpose_mm.requirements import BOUNDS, OPTIONAL

# The oldest that are supported.
OLDEST = {name: low for name, (low, _) in BOUNDS.items() if name not in OPTIONAL}
MMPOSE = 'pip install "vlpose_mm[mmpose]" && pip install --no-deps'


def run(folder: Path, versions: dict, *args: str) -> subprocess.CompletedProcess:
    """Run Python where metadata of these versions is installed, and PyYAML."""
    for name, version in versions.items():
        metadata = folder / f'{name.replace("-", "_")}-{version}.dist-info/METADATA'
        metadata.parent.mkdir()
        metadata.write_text(f'Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n')
    (folder / 'yaml').symlink_to(yaml.__path__[0])
    return subprocess.run(
        [sys.executable, '-S', *args],
        env=dict(os.environ, PYTHONPATH=f'{ROOT}{os.pathsep}{folder}'),
        cwd=folder,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ('versions', 'reason'),
    [
        (
            {'torch': '2.5.1+cpu'},
            'torch 2.6 or later, not torch 2.5.1+cpu; run: pip install "torch>=2.6"',
        ),
        (
            {'transformers': '4.39.3'},
            'transformers 4.40 or later, not transformers 4.39.3; '
            'run: pip install "transformers>=4.40"',
        ),
        (
            {'mmpose': '1.2.0'},
            'mmpose 1.3 or later, not mmpose 1.2.0; '
            'run: pip install --no-deps "mmpose>=1.3"',
        ),
        (
            {'mmcv': None, 'mmcv-lite': '2.2.0'},
            'mmcv 2.0.1 or later, before 2.2, not mmcv-lite 2.2.0; '
            'run: pip install --no-deps "mmcv-lite>=2.0.1,<2.2"',
        ),
        (
            {'mmcv': '2.0.0rc4'},
            'mmcv 2.0.1 or later, before 2.2, not mmcv 2.0.0rc4; '
            'run: mim install "mmcv>=2.0.1,<2.2"',
        ),
        (
            {'mmdet': '2.28.2'},
            'mmdet 3.2 or later, not mmdet 2.28.2; run: pip install --no-deps "mmdet>=3.2"',
        ),
        (
            {'mmcv': None, 'mmpose': None},
            'mmcv 2.0.1 or later, before 2.2, which is not installed; '
            f'run: {MMPOSE} "mmcv-lite>=2.0.1,<2.2" "mmpose>=1.3"',
        ),
    ],
)
def test_the_import_names_both_versions_and_the_remedy(versions, reason, tmp_path) -> None:
    versions = {name: found for name, found in {**OLDEST, **versions}.items() if found}
    done = run(tmp_path, versions, '-c', 'import vlpose_mm')
    *_, error = done.stderr.splitlines()
    assert error == f'vlpose_mm.requirements.RequirementError: vlpose_mm needs {reason}'


def test_the_oldest_versions_pass_by_metadata_alone(tmp_path) -> None:
    done = run(tmp_path, OLDEST, '-c', 'import vlpose_mm')
    assert done.stderr.splitlines()[-1] == "ModuleNotFoundError: No module named 'torch'"


def test_a_package_on_the_path_without_metadata_is_taken_as_it_is(tmp_path) -> None:
    (tmp_path / 'mmpose').mkdir()
    versions = {name: version for name, version in OLDEST.items() if name != 'mmpose'}
    done = run(tmp_path, versions, '-c', 'import vlpose_mm')
    assert done.stderr.splitlines()[-1] == "ModuleNotFoundError: No module named 'torch'"


@pytest.mark.parametrize(
    ('args', 'code', 'printed', 'error'),
    [
        ('--help', 0, 'usage: vlpose IMAGE', ''),
        ('demo', 2, '', 'error: vlpose_mm needs numpy 1.26 or later, which is not'),
        ('web', 2, '', 'error: vlpose_mm needs gradio 6.31 or later, before 7, which'),
    ],
)
def test_the_command_helps_without_packages_and_names_one_in_a_line(
    args, code, printed, error, tmp_path
) -> None:
    done = run(tmp_path, {}, '-c', SCRIPT, args)
    assert done.returncode == code and done.stdout.startswith(printed)
    assert done.stderr.startswith(error) and len(done.stderr.splitlines()) == bool(error)


def test_the_bounds_are_those_of_the_requirements() -> None:
    found = {}
    for name in ('runtime', 'no_deps', 'web', 'video', 'ray', 'mminstall'):
        for line in (ROOT / f'requirements/{name}.txt').read_text().splitlines():
            if line and not line.startswith('#'):
                requirement = Requirement(line)
                package = requirement.name.removesuffix('-lite')
                limits = {each.operator: each.version for each in requirement.specifier}
                if limits:
                    found.setdefault(package, []).append(limits)
    assert set(found) == set(BOUNDS)
    for package, (low, high) in BOUNDS.items():
        for limits in found[package]:
            assert limits['>='] == low and high in (None, limits.get('<'))


def test_an_older_python_is_refused_before_it_reads_newer_syntax(monkeypatch) -> None:
    source = (ROOT / 'vlpose_mm/__init__.py').read_text(encoding='utf-8')
    ast.parse(source, feature_version=(3, 7))
    monkeypatch.setattr(sys, 'version_info', (3, 9, 18))
    with pytest.raises(ImportError, match=r'needs Python 3\.10 or later, not \d'):
        exec(source, {})
    assert 'requires-python = ">=3.10"' in (ROOT / 'pyproject.toml').read_text('utf-8')
