"""Adapters on the Hugging Face hub, with the real client and a stand-in for the hub."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mmengine.logging import MMLogger

from tests.hub import Hub, client, serve
from vlpose_mm.checkpoint.download import fetch, fetch_all
from vlpose_mm.checkpoint.hub import HubError, fetch_folder, parse
from vlpose_mm.local_files import ADAPTER_CONFIG, ADAPTER_WEIGHTS

FILES = {ADAPTER_CONFIG: b'{}', ADAPTER_WEIGHTS: b'numbers', 'tuned.pth': b'a pickle'}


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """A hub, and an empty cache."""
    with serve(tmp_path / 'cache') as hub:
        yield hub


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is logged as a warning."""
    logger, found = MMLogger.get_current_instance(), []
    monkeypatch.setattr(
        logger, 'handle', lambda r: r.levelno == logging.WARNING and found.append(r.msg)
    )
    return found


@pytest.mark.parametrize(
    ('place', 'parts'),
    [
        ('hf://me/toon', ('me/toon', None, None)),
        ('hf://models/me/toon-1.0/', ('me/toon-1.0', None, None)),
        ('hf://me/toon@v1/a/b', ('me/toon', 'v1', 'a/b')),
        ('hf://me/toon@refs/pr/3/a', ('me/toon', 'refs/pr/3', 'a')),
        ('hf://me/toon@my%2Fbranch', ('me/toon', 'my/branch', None)),
    ],
)
def test_an_address_has_the_form_of_huggingface_hub(place: str, parts: tuple) -> None:
    assert parse(place) == parts


@pytest.mark.parametrize('place', ['hf://', 'hf://toon', 'hf://me/to on', 'hf://me/a@'])
def test_another_form_is_refused(place: str) -> None:
    with pytest.raises(ValueError, match=r'write hf://OWNER/REPO\[@REVISION\]'):
        parse(place)


@pytest.mark.fast
@pytest.mark.parametrize('subfolder', ['', 'oil/'])
def test_the_two_files_of_a_commit_are_downloaded_once(
    subfolder: str, hub: Hub, warnings: list
) -> None:
    first = hub.commit('me/toon', {f'{subfolder}{name}': FILES[name] for name in FILES})
    hub.commit('me/toon', {f'{subfolder}{ADAPTER_WEIGHTS}': b'others'})
    place = f'hf://me/toon@{first}/{subfolder}'
    folder = Path(fetch(place))
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == {
        name: FILES[name] for name in (ADAPTER_CONFIG, ADAPTER_WEIGHTS)
    }
    count = len(hub.requests)
    assert fetch_all([place]) == [str(folder)] and len(hub.requests) == count
    assert not warnings and not any('tuned.pth' in each for each in hub.requests)


def test_without_a_commit_a_warning_names_it(hub: Hub, warnings: list) -> None:
    for content in (b'one', b'two'):
        commit = hub.commit('me/toon', {**FILES, ADAPTER_WEIGHTS: content})
        folder = Path(fetch_folder('hf://me/toon'))
        assert (folder / ADAPTER_WEIGHTS).read_bytes() == content
        assert warnings.pop() == (
            f'hf://me/toon may change; what it is now is hf://me/toon@{commit}.'
        )


def test_weights_of_a_commit_go_with_its_json_though_the_branch_moves(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vlpose_mm.checkpoint import hub as module

    hub.commit('me/toon', FILES)
    download = module.hf_hub_download

    def move_then_download(repo: str, name: str, **kwargs) -> str:
        path = download(repo, name, **kwargs)
        hub.commit('me/toon', {ADAPTER_WEIGHTS: b'of a later commit'})
        return path

    monkeypatch.setattr(module, 'hf_hub_download', move_then_download)
    folder = Path(fetch_folder('hf://me/toon'))
    assert (folder / ADAPTER_WEIGHTS).read_bytes() == FILES[ADAPTER_WEIGHTS]


@pytest.mark.parametrize('is_pinned', [True, False])
def test_offline_a_cached_snapshot_is_used(is_pinned: bool, hub: Hub) -> None:
    commit = hub.commit('me/toon', FILES)
    place = f'hf://me/toon@{commit}' if is_pinned else 'hf://me/toon'
    folder = fetch(place)
    count = len(hub.requests)
    with client(HF_HUB_OFFLINE='1'):
        assert fetch(place) == folder and len(hub.requests) == count
        fault = 'me/oil is not in the cache .*HF_HUB_OFFLINE is set'
        with pytest.raises(HubError, match=fault):
            fetch('hf://me/oil')


def test_without_network_a_cached_snapshot_is_used(hub: Hub) -> None:
    hub.commit('me/toon', FILES)
    folder = fetch('hf://me/toon')
    with client(HF_ENDPOINT='http://127.0.0.1:9'):
        assert fetch('hf://me/toon') == folder


def test_what_the_hub_refuses_is_said_in_a_sentence(hub: Hub, monkeypatch) -> None:
    hub.commit('me/toon', FILES)
    hub.commit('me/pickle', {'tuned.pth': b''})
    hub.commit('me/half', {ADAPTER_CONFIG: b'{}'})
    hub.commit('me/gated', FILES)
    hub.commit('me/secret', FILES, private=True)
    monkeypatch.setenv('HF_TOKEN', 'hf_other')
    faults = {
        'me/nothing': 'has no model me/nothing, or it is private; log in with `hf auth',
        'me/secret': 'has no model me/secret, or it is private',
        'me/gated': 'me/gated is gated: ask for access on its page',
        'me/toon@v2': 'me/toon has no such revision; give a commit, branch or tag',
        'me/toon/oil': 'does not have adapter_config.json and adapter_model.safetensors',
        'me/pickle': 'and other files, such as pickles, are not read from the hub',
        'me/half': 'does not have adapter_config.json and adapter_model.safetensors',
    }
    for place, fault in faults.items():
        with pytest.raises(HubError, match=fault) as info:
            fetch(f'hf://{place}')
        assert '\n' not in str(info.value)


def test_a_hub_that_fails_or_is_not_there_is_named(hub: Hub, monkeypatch) -> None:
    # The client tries again several times.
    monkeypatch.setattr(time, 'sleep', lambda seconds: None)
    hub.status = 404
    with pytest.raises(HubError, match=r"hub cannot be reached \(.*'404 Not Found'"):
        fetch('hf://me/toon')
    with client(HF_ENDPOINT='http://127.0.0.1:9'):
        with pytest.raises(HubError, match=r'hub cannot be reached \(.*refused'):
            fetch('hf://me/toon')
