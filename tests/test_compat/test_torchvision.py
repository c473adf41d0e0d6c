"""torchvision imports where its native extension cannot load."""

import sys
from pathlib import Path

import pytest
import torch

from vlpose_mm.compat import torchvision as patched

LOOKS_UP_OPERATOR = "torch.library.register_fake('torchvision::vlpose_first')(print)"


@pytest.fixture
def fake(tmp_path, monkeypatch) -> Path:
    """The module of a torchvision that is installed in place of the real one."""
    folder = tmp_path / 'torchvision'
    folder.mkdir()
    for name in [key for key in sys.modules if key.split('.')[0] == 'torchvision']:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    # Libraries of their own, so that the operators are declared again.
    monkeypatch.setattr(patched, '_library', None)
    monkeypatch.setattr(patched, '_OPERATORS', ('vlpose_first', 'vlpose_second'))
    yield folder / '__init__.py'
    sys.modules.pop('torchvision', None)


def test_the_operators_are_declared_where_the_import_misses_them(fake):
    fake.write_text(f'import torch\n{LOOKS_UP_OPERATOR}')
    assert patched.apply_patch() and not patched.apply_patch()
    import torchvision

    assert torchvision.__file__ == str(fake)
    for name in ('vlpose_first', 'vlpose_second'):
        with pytest.raises(RuntimeError, match=f'torchvision::{name}.*install'):
            getattr(torch.ops.torchvision, name)(torch.zeros(2, 4), torch.zeros(2), 0.5)


@pytest.mark.parametrize(
    'source', ['', 'raise ImportError("no libc")', 'raise RuntimeError("broken")']
)
def test_nothing_is_touched_without_that_error(fake, source):
    fake.write_text(source)
    assert patched.apply_patch() is None and patched._library is None


def test_nothing_is_touched_without_torchvision(monkeypatch):
    monkeypatch.setattr(patched, '_library', None)
    monkeypatch.setitem(sys.modules, 'torchvision', None)
    assert patched.apply_patch() is None and patched._library is None
