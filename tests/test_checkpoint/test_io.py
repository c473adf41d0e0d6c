"""Checkpoints: what is read, and what is refused with one clear error."""

import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from vlpose_mm.checkpoint.io import read_file, state_dict_of


@pytest.fixture
def weights() -> dict[str, Tensor]:
    return {'backbone.weight': torch.randn(300, 7), 'head.bias': torch.randn(17)}


class Payload:
    """Pickles as a command that makes a file."""

    def __init__(self, canary: Path) -> None:
        self.command = f'touch {canary}'

    def __reduce__(self) -> tuple:
        return os.system, (self.command,)


def save_legacy(content: object, path: Path) -> None:
    torch.save(content, path, _use_new_zipfile_serialization=False)


def save_pickle(content: dict, path: Path) -> None:
    path.write_bytes(pickle.dumps(content['meta'], 2))


def test_reads_both_formats_of_torch_and_safetensors(
    weights: dict[str, Tensor], tmp_path: Path
) -> None:
    torch.save(dict(state_dict=weights, meta=dict(epoch=3)), tmp_path / 'a.pth')
    save_legacy(dict(model=weights), tmp_path / 'b.pth')
    torch.save({f'module.{k}': v for k, v in weights.items()}, tmp_path / 'c.bin')
    save_file(weights, tmp_path / 'd.safetensors')
    for name in ('a.pth', 'b.pth', 'c.bin', 'd.safetensors'):
        path = str(tmp_path / name)
        got = state_dict_of(read_file(path), path)
        assert got.keys() == weights.keys()
        assert all(torch.equal(got[key], weights[key]) for key in weights)
    assert read_file(str(tmp_path / 'a.pth'))['meta'] == dict(epoch=3)
    content = dict(state_dict={'a.b': torch.ones(1), 'epoch': 3, 0: torch.ones(1)})
    assert state_dict_of(content, 'x.pth') == {'a.b': torch.ones(1)}


@pytest.mark.parametrize(
    'wrap',
    [
        lambda w: {f'_orig_mod.{k}': v for k, v in w.items()},
        lambda w: {f'module._orig_mod.{k}': v for k, v in w.items()},
        # Of one compiled part.
        lambda w: {k.replace('.', '._orig_mod.', 1): v for k, v in w.items()},
        lambda w: dict(state_dict={f'model.{k}': v for k, v in w.items()}, epoch=3),
        lambda w: {f'model._orig_mod.{k}': v for k, v in w.items()},
        lambda w: dict(
            ema_state_dict={'steps': torch.ones(1)} | {f'module.{k}': w[k] for k in w}
        ),
        lambda w: dict(state_dict=w, ema_state_dict={k: 0 * w[k] for k in w}),
        lambda w: {f'ema_model.module.{k}': v for k, v in w.items()},
    ],
)
def test_what_wrapped_the_model_is_taken_off(
    wrap: Callable[[dict], dict], weights: dict[str, Tensor]
) -> None:
    found = state_dict_of(wrap(weights), 'x.pth')
    found.pop('steps', None)
    assert found.keys() == weights.keys()
    assert all(torch.equal(found[name], weights[name]) for name in weights)


@pytest.mark.parametrize(
    ('save', 'name'),
    [(torch.save, 'evil.pth'), (save_legacy, 'evil.bin'), (save_pickle, 'evil.ckpt')],
)
@pytest.mark.filterwarnings('ignore:Detected pickle protocol')
def test_refuses_a_pickle_with_a_payload_and_runs_nothing_of_it(
    save: Callable, name: str, weights: dict[str, Tensor], tmp_path: Path
) -> None:
    canary, path = tmp_path / 'canary', tmp_path / name
    save(dict(state_dict=weights, meta=Payload(canary)), path)
    with pytest.raises(ValueError, match=rf'{name} is refused.*\.system') as caught:
        read_file(str(path))
    assert 'If you trust where the file comes from' in str(caught.value)
    path.rename(path.with_suffix('.safetensors'))
    with pytest.raises(ValueError, match='evil.safetensors cannot be read as safetensors'):
        read_file(str(path.with_suffix('.safetensors')))
    assert not canary.exists()
    # It would have run.
    with open(path.with_suffix('.safetensors'), 'rb') as file:
        pickle.load(file) if save is save_pickle else torch.load(file, weights_only=False)
    assert canary.exists()


@pytest.mark.parametrize('name', ['zip.pth', 'legacy.pth', 'weights.safetensors'])
def test_a_broken_file_is_named(
    name: str, weights: dict[str, Tensor], tmp_path: Path
) -> None:
    path = tmp_path / name
    {'z': torch.save, 'l': save_legacy, 'w': save_file}[name[0]](weights, path)
    whole = path.read_bytes()
    parts = [whole[: int(len(whole) * share)] for share in (0, 0.5, 0.99)]
    for content in (*parts, b'<!DOCTYPE html>'):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=f'{path} cannot be read as'):
            read_file(str(path))


def test_an_archive_without_some_of_its_tensors_is_named(
    weights: dict[str, Tensor], tmp_path: Path
) -> None:
    path, broken = tmp_path / 'whole.pth', tmp_path / 'broken.pth'
    torch.save(weights, path)
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(broken, 'w') as new:
        for name in old.namelist():
            if not name.endswith('data/1'):
                new.writestr(name, old.read(name))
    with pytest.raises(ValueError, match='broken.pth cannot be read as a checkpoint'):
        read_file(str(broken))


def test_what_is_no_file_or_holds_no_weights_is_named(tmp_path: Path) -> None:
    for name in ('folder', 'folder.safetensors'):
        (tmp_path / name).mkdir()
        with pytest.raises(IsADirectoryError, match=f'{name} is a directory; name a check'):
            read_file(str(tmp_path / name))
    for name in ('nowhere.pth', 'nowhere.safetensors', 'no/where.pth'):
        with pytest.raises(FileNotFoundError, match=f'There is no file .*{name}'):
            read_file(str(tmp_path / name))
    with pytest.raises(ValueError, match='cannot be fetched'):
        read_file('open-mmlab://vitpose')
    for content in ([torch.ones(1)], torch.ones(1), 3):
        torch.save(content, tmp_path / 'list.pth')
        with pytest.raises(ValueError, match='list.pth holds a .*not a checkpoint'):
            read_file(str(tmp_path / 'list.pth'))
    for content in ({}, dict(state_dict={}), {0: torch.ones(1)}):
        with pytest.raises(ValueError, match='x.pth holds no weights'):
            state_dict_of(content, 'x.pth')
