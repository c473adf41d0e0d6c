"""MMEngine and mmcv learn whether mmcv is compiled on CPython 3.14."""

import pkgutil
import sys

import pytest
from mmcv.utils.ext_loader import check_ops_exist
from mmengine.utils.dl_utils import mmcv_full_available

from vlpose_mm.compat import find_loader as patched
from vlpose_mm.compat.mmcv_ops import _StandIn


@pytest.mark.filterwarnings('ignore:.pkgutil.find_loader')
def test_mmcv_counts_as_compiled_if_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(pkgutil, 'find_loader')
    assert patched.apply_patch() and not patched.apply_patch()
    assert mmcv_full_available() == check_ops_exist()
    assert check_ops_exist() == (not isinstance(sys.modules['mmcv._ext'], _StandIn))
    monkeypatch.setitem(sys.modules, 'mmcv._ext', None)
    assert not mmcv_full_available() and not check_ops_exist()
