"""``vlpose push``, with the real client and a stand-in for the hub."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub import Hub, Repo, serve
from tests.test_models.estimators import build
from vlpose_mm.checkpoint.adapter_folder import encode_folder
from vlpose_mm.checkpoint.io import read_file
from vlpose_mm.cli.main import main
from vlpose_mm.local_files import ADAPTER_CONFIG, ADAPTER_WEIGHTS


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """A hub, and an empty cache."""
    with serve(tmp_path / 'cache') as hub:
        yield hub


@pytest.fixture
def folder(vlpose_cfg: dict, tmp_path: Path) -> Path:
    """The folder of an adapter, and what else may lie there."""
    folder = tmp_path / 'shared'
    folder.mkdir()
    content = dict(state_dict=build(vlpose_cfg).adapter_state_dict())
    for name, stream in encode_folder(content, {}).items():
        (folder / name).write_bytes(stream)
    (folder / 'notes.txt').write_text('mine')
    return folder


@pytest.mark.fast
def test_what_is_pushed_is_what_is_pulled(folder: Path, hub: Hub, capsys) -> None:
    main(['push', str(folder), 'me/toon'])
    printed = capsys.readouterr().out
    ((commit, files),) = hub.repos['me/toon'].commits.items()
    assert {*files} == {ADAPTER_CONFIG, ADAPTER_WEIGHTS, 'README.md'}
    place = f'hf://me/toon@{commit}'
    assert f'Uploaded to {hub.url}/me/toon, commit {commit}:' in printed
    assert f'--weights {place}' in printed.splitlines()[-1]
    pulled, own = read_file(place), read_file(str(folder))
    assert pulled['state_dict'].keys() == own['state_dict'].keys()
    for name, tensor in own['state_dict'].items():
        assert pulled['state_dict'][name].equal(tensor)
    assert not hub.repos['me/toon'].private


def test_a_dry_run_writes_the_page_which_may_be_edited(folder: Path, hub: Hub) -> None:
    main(['push', str(folder), 'me/toon', '--dry-run'])
    page = folder / 'README.md'
    assert page.read_text().startswith('---\nlibrary_name: vlpose_mm') and not hub.requests
    page.write_text('# My own')
    main(['push', str(folder), 'me/toon'])
    assert [*hub.repos['me/toon'].commits.values()][-1]['README.md'] == b'# My own'


def test_private_makes_a_private_repository_or_uploads_nothing(
    folder: Path, hub: Hub, capsys
) -> None:
    main(['push', str(folder), 'me/toon', '--private'])
    assert hub.repos['me/toon'].private
    hub.repos['me/public'] = Repo(False, {})
    with pytest.raises(SystemExit):
        main(['push', str(folder), 'me/public', '--private'])
    assert 'error: me/public exists, and is public' in capsys.readouterr().err
    assert not hub.repos['me/public'].commits


def test_what_cannot_be_pushed_is_refused_in_a_line(
    folder: Path, hub: Hub, monkeypatch, capsys
) -> None:
    def fails(*args: str) -> str:
        with pytest.raises(SystemExit) as info:
            main(['push', *args])
        assert info.value.code == 2
        return capsys.readouterr().err

    assert 'toon is not the name of a repository' in fails(str(folder), 'toon')
    assert 'is not the folder of an adapter' in fails(str(folder.parent), 'me/toon')
    monkeypatch.setenv('HF_TOKEN', 'hf_other')
    error = fails(str(folder), 'me/toon')
    assert 'refuses me/toon (401); log in with `hf auth login`' in error
    (folder / ADAPTER_WEIGHTS).write_bytes(b'half')
    assert 'is broken, or of another adapter' in fails(str(folder), 'me/toon')
    assert not hub.repos
