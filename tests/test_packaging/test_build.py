"""What pip builds from the checkout."""

import os
import shutil
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
BACKEND = 'import sys, setuptools.build_meta as backend; backend.{}(sys.argv[1])'


def files_below(folder: Path) -> set[str]:
    """Relative paths of all files and links below a folder."""
    return {p.relative_to(folder).as_posix() for p in folder.rglob('*') if not p.is_dir()}


def test_wheel_carries_configs_commands_the_model_index_and_the_demo(wheel, source):
    names = set(zipfile.ZipFile(wheel).namelist())
    configs = {f'configs/{n}' for n in files_below(source / 'configs')}
    tools = {f'tools/{p.name}' for p in (source / 'vlpose_mm' / 'tools').glob('[!_]*.py')}
    mini = source / 'projects/mini_humanart'
    demo = {
        f'projects/mini_humanart/{folder}/{n}'
        for folder in ('configs', 'images')
        for n in files_below(mini / folder)
    }
    demo |= {f'projects/mini_humanart/{p.name}' for p in mini.glob('*.pth')}
    expected = configs | tools | demo | {'model-index.yml'}
    assert {n for n in names if '/.mim/' in n} == {f'vlpose_mm/.mim/{n}' for n in expected}
    assert 'vlpose_mm/.mim/tools/precompute_text_features.py' in names


def test_wheel_holds_every_module_of_the_package_and_nothing_else(wheel, source):
    names = {n for n in zipfile.ZipFile(wheel).namelist() if '/.mim/' not in n}
    modules = {
        f'vlpose_mm/{n}' for n in files_below(source / 'vlpose_mm') if n.endswith('.py')
    }
    assert {n for n in names if '.dist-info/' not in n} == modules
    assert 'vlpose_mm/datasets/scenarios.py' in modules


def test_model_index_in_the_wheel_leads_to_configs_in_the_wheel(site):
    mim = site / 'vlpose_mm' / '.mim'
    metafiles = yaml.safe_load((mim / 'model-index.yml').read_text())['Import']
    models = [m for f in metafiles for m in yaml.safe_load((mim / f).read_text())['Models']]
    assert models
    assert [m['Config'] for m in models if not (mim / m['Config']).is_file()] == []


def test_installing_pulls_openmmlab_packages_only_as_an_extra(wheel):
    archive = zipfile.ZipFile(wheel)
    (name,) = [n for n in archive.namelist() if n.endswith('.dist-info/METADATA')]
    metadata = HeaderParser().parsestr(archive.read(name).decode())
    wanted = metadata.get_all('Requires-Dist')
    assert [r for r in wanted if r.startswith('mm') and 'extra' not in r] == []
    assert [r for r in wanted if r.startswith('mmpose') and 'extra == "mim"' in r]
    assert [r for r in wanted if r.startswith('torch>=') and 'extra' not in r]


def test_build_writes_nothing_into_the_sources_but_what_git_ignores(source, wheel):
    ignored = ('build/', 'vlpose_mm.egg-info/')
    found = {n for n in files_below(source) if not n.startswith(ignored)}
    assert [n for n in found if '/.mim/' in n or not (ROOT / n).exists()] == []
    assert wheel.is_file()


def test_rebuild_drops_modules_that_are_gone(source, command, wheel, tmp_path):
    stale = source / 'build' / 'lib' / 'vlpose_mm' / 'gone.py'
    stale.parent.mkdir(parents=True, exist_ok=True)
    stale.touch()
    command('-c', BACKEND.format('build_wheel'), tmp_path, cwd=source)
    (rebuilt,) = tmp_path.glob('*.whl')
    assert zipfile.ZipFile(rebuilt).namelist() == zipfile.ZipFile(wheel).namelist()


def test_source_distribution_builds_the_same_wheel(source, command, wheel, tmp_path):
    command('-c', BACKEND.format('build_sdist'), tmp_path, cwd=source)
    (archive,) = tmp_path.glob('*.tar.gz')
    build = ('-m', 'pip', 'wheel', '--no-deps', '--no-build-isolation')
    command(*build, '-w', tmp_path, archive)
    (rebuilt,) = tmp_path.glob('*.whl')
    assert set(zipfile.ZipFile(rebuilt).namelist()) == set(
        zipfile.ZipFile(wheel).namelist()
    )


def test_editable_install_links_to_the_checkout_where_mim_looks(source, command, tmp_path):
    checkout = tmp_path / 'checkout'
    shutil.copytree(source, checkout)
    command('-c', BACKEND.format('build_editable'), tmp_path, cwd=checkout)
    (editable,) = tmp_path.glob('*.whl')
    mim = checkout / 'vlpose_mm' / '.mim'
    assert (mim / 'configs').resolve() == checkout / 'configs'
    assert (mim / 'tools').resolve() == checkout / 'vlpose_mm' / 'tools'
    assert not os.path.isabs(os.readlink(mim / 'model-index.yml'))

    site = tmp_path / 'site'
    zipfile.ZipFile(editable).extractall(site)
    printed = command('-m', 'mim', 'search', 'vlpose_mm', '--valid-config', path=site)
    assert 'humanart' in printed
    code = "from mmengine.utils import get_installed_path as f; print(f('vlpose_mm'))"
    printed = command('-c', code, path=site)
    assert printed.strip() == str(checkout / 'vlpose_mm')
