"""What pip builds from the checkout."""

import os
import zipfile
from email.parser import HeaderParser
from importlib.metadata import requires
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT
from vlpose_mm.version import __version__

BACKEND = 'import sys, setuptools.build_meta as backend; backend.{}(sys.argv[1])'


def files_below(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob('*') if not p.is_dir()}


def names_in(folder: Path) -> set[str]:
    """Names of the files in the only wheel of a folder."""
    (wheel,) = folder.glob('*.whl')
    return set(zipfile.ZipFile(wheel).namelist())


def test_the_wheel_carries_the_package_the_configs_the_commands_and_the_demo(
    build: Path, site: Path
) -> None:
    names, source = names_in(build), build / 'checkout'
    files = files_below(source)
    mini, real = 'projects/mini_humanart', 'projects/real_small'
    folders = ('configs/', f'{mini}/configs/', f'{mini}/images/', f'{real}/configs/')
    kept = {n for n in files if n.startswith(folders)}
    for project in (mini, real):
        kept |= {f'{project}/{path.name}' for path in (source / project).glob('*.pth')}
    tools = {f'tools/{name}' for name in files_below(source / 'vlpose_mm/tools')}
    kept |= {name for name in tools if not name.endswith('/__init__.py')}
    kept.add('model-index.yml')
    assert 'tools/dataset_converters/lsp.py' in kept
    assert {n for n in names if '/.mim/' in n} == {f'vlpose_mm/.mim/{n}' for n in kept}
    kinds = ('.py', '.yaml', 'py.typed')
    modules = {n for n in files if n.startswith('vlpose_mm/') and n.endswith(kinds)}
    others = {n for n in names if '/.mim/' not in n and '.dist-info/' not in n}
    modules.add('vlpose_mm_cli.py')
    assert others == modules > {'vlpose_mm/datasets/wordings.yaml'}

    mim = site / 'vlpose_mm/.mim'
    metafiles = yaml.safe_load((mim / 'model-index.yml').read_text())['Import']
    models = [m for f in metafiles for m in yaml.safe_load((mim / f).read_text())['Models']]
    assert models and all((mim / model['Config']).is_file() for model in models)


def test_the_command_of_the_wheel_answers_without_pytorch(site: Path, command) -> None:
    code = 'import runpy, sys; sys.modules["torch"] = None; sys.argv.pop(0); '
    code += 'runpy.run_path(sys.argv[0], run_name="__main__")'
    assert '  mini-drawn ' in command('-c', code, site / 'bin/vlpose', 'models', path=site)


def test_installing_pulls_openmmlab_packages_only_as_an_extra(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (name,) = [n for n in archive.namelist() if n.endswith('.dist-info/METADATA')]
    metadata = HeaderParser().parsestr(archive.read(name).decode())
    wanted = metadata.get_all('Requires-Dist')
    assert [r for r in wanted if r.startswith('mm') and 'extra' not in r] == []
    assert [r for r in wanted if r.startswith('mmpose') and 'extra == "mim"' in r]
    assert [r for r in wanted if r.startswith('torch>=') and 'extra' not in r]


def test_the_extra_for_mmpose_has_all_that_its_packages_require_but_chumpy() -> None:
    packages = ('mmengine', 'mmcv-lite', 'mmdet', 'mmpose')
    required = {
        canonicalize_name(Requirement(line).name)
        for package in packages
        for line in requires(package)
        if 'extra ==' not in line and 'win32' not in line
    }
    # The other OpenCV needs libraries of a screen.
    required |= {'opencv-python-headless'}
    required -= {*packages, 'chumpy', 'opencv-python'}
    lines = (ROOT / 'requirements/openmmlab.txt').read_text().splitlines()
    listed = {
        canonicalize_name(Requirement(line).name)
        for line in lines
        if not line.startswith('#')
    }
    assert required <= listed


def test_building_writes_nothing_into_the_sources_but_what_git_ignores(build: Path) -> None:
    found = files_below(build / 'checkout')
    found = {n for n in found if not n.startswith(('build/', 'vlpose_mm.egg-info/'))}
    assert [n for n in found if '/.mim/' in n or not (ROOT / n).exists()] == []


def test_a_rebuild_and_the_source_distribution_give_the_same_wheel(
    source, command, build, tmp_path
) -> None:
    gone = source / 'build/lib/vlpose_mm/gone.py'
    gone.parent.mkdir(parents=True)
    gone.touch()
    command('-c', BACKEND.format('build_wheel'), tmp_path, cwd=source)
    assert names_in(tmp_path) == names_in(build)

    command('-c', BACKEND.format('build_sdist'), tmp_path, cwd=source)
    (archive,) = tmp_path.glob('*.tar.gz')
    options = ('--no-deps', '--no-build-isolation', '-w', tmp_path / 'rebuilt')
    command('-m', 'pip', 'wheel', *options, archive)
    assert names_in(tmp_path / 'rebuilt') == names_in(build)


def test_an_editable_install_links_to_the_checkout_where_mim_looks(
    source, command, tmp_path
) -> None:
    command('-c', BACKEND.format('build_editable'), tmp_path, cwd=source)
    mim = source / 'vlpose_mm/.mim'
    assert (mim / 'configs').resolve() == source / 'configs'
    assert (mim / 'tools').resolve() == source / 'vlpose_mm/tools'
    assert not os.path.isabs(os.readlink(mim / 'model-index.yml'))

    site = tmp_path / 'site'
    (editable,) = tmp_path.glob('*.whl')
    zipfile.ZipFile(editable).extractall(site)
    printed = command('-m', 'mim', 'search', 'vlpose_mm', '--valid-config', path=site)
    assert 'humanart' in printed
    code = "from mmengine.utils import get_installed_path as f; print(f('vlpose_mm'))"
    printed = command('-c', code, path=site)
    assert printed.strip() == str(source / 'vlpose_mm')

    # Before this Python's packages, among which another checkout may be installed.
    code = 'import site, sys; site.addsitedir(sys.argv.pop(1)); '
    code += 'import vlpose_mm_cli; print(vlpose_mm_cli.__file__); vlpose_mm_cli.main()'
    path = f'{site}{os.pathsep}{Path(yaml.__file__).parents[1]}'
    printed = command('-S', '-c', code, site, '--version', path=path)
    assert printed.split() == [str(source / 'vlpose_mm_cli.py'), __version__]
