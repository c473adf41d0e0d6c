"""torchvision imports where its native extension cannot load."""

import importlib.machinery
import importlib.util
import os
import sys
import sysconfig
from pathlib import Path

import pytest
import torch

from vlpose_mm import compat
from vlpose_mm.compat import torchvision as patched

compat.apply_patches()
FILE = f'_C{sysconfig.get_config_var("EXT_SUFFIX")}'


@pytest.fixture
def fake(tmp_path, monkeypatch) -> Path:
    """The folder of a torchvision that is installed in place of the true one."""
    folder = tmp_path / 'torchvision'
    folder.mkdir()
    (folder / '__init__.py').write_text('raise ImportError("not to be imported")')
    for name in [key for key in sys.modules if key.split('.')[0] == 'torchvision']:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    # Libraries of their own, so that the operators are declared again.
    monkeypatch.setattr(patched, '_library', None)
    monkeypatch.setattr(patched, '_OPERATORS', ('vlpose_first', 'vlpose_second'))
    return folder


def test_torchvision_and_what_needs_it_import():
    import torchvision
    from transformers import BertModel

    assert torchvision.transforms and BertModel


@pytest.mark.skipif(
    patched._library is None, reason='The extension of torchvision loads here.'
)
def test_an_operator_without_its_extension_is_named_when_it_is_called():
    boxes, scores = torch.zeros(2, 4), torch.zeros(2)
    for name in ('nms', 'qnms'):
        operator = getattr(torch.ops.torchvision, name)
        with pytest.raises(RuntimeError, match=f'torchvision::{name}.*install'):
            operator(boxes, scores, 0.5)


@pytest.mark.parametrize('content', [b'not a library', None], ids=['broken', 'absent'])
def test_the_operators_are_declared_where_the_extension_does_not_load(fake, content):
    if content is not None:
        (fake / FILE).write_bytes(content)
    patched.apply_patch()
    assert hasattr(torch.ops.torchvision, 'vlpose_first')
    library = patched._library
    patched.apply_patch()
    assert patched._library is library
    assert 'torchvision' not in sys.modules


def test_nothing_is_touched_where_the_extension_loads(fake):
    suffixes = tuple(importlib.machinery.EXTENSION_SUFFIXES)
    standard = Path(importlib.util.find_spec('json').origin).parents[1] / 'lib-dynload'
    some = next(path for path in standard.iterdir() if path.name.endswith(suffixes))
    os.symlink(some, fake / FILE)
    patched.apply_patch()
    assert patched._library is None


def test_nothing_is_touched_without_torchvision(fake, monkeypatch):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    patched.apply_patch()
    assert patched._library is None
