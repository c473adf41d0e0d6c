"""MMEngine finds packages with a setuptools that has no pkg_resources."""

import sys
from pathlib import Path

import mmengine
import mmpose
import pytest
from mmengine.config import Config
from mmengine.config import config as config_reader
from mmengine.utils import package_utils

from vlpose_mm.compat import packages as patched


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Install a distribution whose module has another name; return that of the first."""
    monkeypatch.syspath_prepend(tmp_path)
    info = tmp_path / 'other_name-1.0.dist-info'
    info.mkdir()
    (info / 'METADATA').write_text(
        'Metadata-Version: 2.1\nName: other-name\nVersion: 1.0\n'
    )
    (info / 'top_level.txt').write_text('module_name\n')
    return 'other-name'


@pytest.fixture
def no_pkg_resources(package, monkeypatch: pytest.MonkeyPatch) -> None:
    """Patch MMEngine as with a setuptools that lacks the module, whichever is installed."""
    for module in (mmengine, mmengine.utils, package_utils, config_reader):
        for name in ('is_installed', 'get_installed_path'):
            monkeypatch.setattr(module, name, None)
    monkeypatch.setitem(sys.modules, 'pkg_resources', None)
    assert patched.apply_patch() and not patched.apply_patch()


def test_a_package_is_found_by_either_name_where_it_is_installed(
    no_pkg_resources, package, tmp_path
) -> None:
    assert mmengine.is_installed('mmpose') and mmengine.is_installed(package)
    folder = str(Path(mmpose.__file__).parent)
    assert mmengine.utils.get_installed_path('mmpose') == folder
    assert mmengine.get_installed_path(package) == str(tmp_path / 'module_name')
    # The distribution of mmcv may have another name.
    assert package_utils.is_installed('mmcv')


def test_a_missing_package_is_reported(no_pkg_resources) -> None:
    assert not mmengine.is_installed('no_such_package')
    with pytest.raises(ImportError, match='no_such_package'):
        mmengine.get_installed_path('no_such_package')


def test_a_distribution_that_names_no_module_is_installed_without_a_path(
    no_pkg_resources, package, tmp_path
) -> None:
    (tmp_path / 'other_name-1.0.dist-info/top_level.txt').unlink()
    assert mmengine.is_installed(package)
    with pytest.raises(ValueError, match=package):
        mmengine.get_installed_path(package)


def test_a_namespace_package_has_no_path(no_pkg_resources, tmp_path) -> None:
    (tmp_path / 'namespace').mkdir()
    assert not mmengine.is_installed('namespace')
    with pytest.raises(RuntimeError, match='namespace'):
        mmengine.get_installed_path('namespace')


def test_a_config_of_mmpose_is_read(no_pkg_resources, tmp_path) -> None:
    path = tmp_path / 'config.py'
    path.write_text("_base_ = ['mmpose::_base_/default_runtime.py']\n")
    assert Config.fromfile(path).default_scope == 'mmpose'


def test_nothing_is_touched_where_setuptools_has_it(monkeypatch, tmp_path) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / 'pkg_resources.py').touch()
    monkeypatch.delitem(sys.modules, 'pkg_resources', raising=False)
    monkeypatch.setattr(package_utils, 'is_installed', None)
    assert patched.apply_patch() is None
    assert package_utils.is_installed is None and 'pkg_resources' not in sys.modules
