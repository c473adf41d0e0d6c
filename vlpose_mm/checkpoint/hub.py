"""Adapters on the Hugging Face hub: ``hf://OWNER/REPO[@REVISION][/SUBFOLDER]``."""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import NamedTuple
from urllib.parse import unquote

from huggingface_hub import constants, hf_hub_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from mmengine.dist import barrier, is_main_process
from mmengine.logging import print_log

from vlpose_mm.local_files import ADAPTER_CONFIG, ADAPTER_WEIGHTS, HUB

FORM = re.compile(
    rf'{HUB}(?:models/)?([\w.-]+/[\w.-]+)(?:@(refs/pr/\d+|[^/@]+))?(?:/(.+?))?/?'
)
# Of the HTTP client, which depends on the version of huggingface_hub.
HTTP_ERROR = HfHubHTTPError.__bases__[0]
COMMIT = re.compile('[0-9a-f]{40}')
LOG_IN = 'log in with `hf auth login` or HF_TOKEN as someone who may'


class HubError(OSError):
    """The hub cannot be reached, or refuses."""


class HubPlace(NamedTuple):
    """A folder of a repository."""

    repo: str
    revision: str | None
    subfolder: str | None


def parse(place: str) -> HubPlace:
    """Parse an address in the form of ``huggingface_hub``; a slash in a revision is %2F.

    Raises:
        ValueError: If it has another form.
    """
    match = FORM.fullmatch(place)
    if match is None:
        raise ValueError(
            f'{place} is not an address of an adapter; write '
            f'{HUB}OWNER/REPO[@REVISION][/SUBFOLDER].'
        )
    repo, revision, subfolder = match.groups()
    return HubPlace(repo, revision and unquote(revision), subfolder)


def fetch_folder(place: str) -> str:
    """Download an adapter's two files to the hub's cache, unless they are there.

    In distributed runs one process does it. Nothing else in the repository is read.

    Args:
        place (str): Its address. Without a revision, or with a branch or tag, a warning
            names the commit.

    Returns:
        str: The local folder.

    Raises:
        HubError: If it is not there, or the hub cannot be reached.
        ValueError: If the address has another form.
    """
    repo, revision, subfolder = parse(place)
    is_main = is_main_process()
    if not is_main:
        barrier()
    with hub_errors(place):
        path = hf_hub_download(
            repo,
            ADAPTER_CONFIG,
            subfolder=subfolder,
            revision=revision,
            local_files_only=not is_main,
        )
        depth = len(PurePath(subfolder or '').parts)
        commit = PurePath(path).parts[-2 - depth]
        hf_hub_download(
            repo,
            ADAPTER_WEIGHTS,
            subfolder=subfolder,
            revision=commit,
            local_files_only=not is_main,
        )
    if is_main:
        barrier()
        if not COMMIT.fullmatch(revision or ''):
            pinned = f'{HUB}{repo}@{commit}' + (f'/{subfolder}' if subfolder else '')
            print_log(
                f'{place} may change; what it is now is {pinned}.',
                logger='current',
                level=logging.WARNING,
            )
    return os.path.dirname(path)


@contextmanager
def hub_errors(place: str) -> Iterator[None]:
    """Turn what ``huggingface_hub`` raises in a ``with`` block into one sentence."""
    repo = parse(place).repo
    try:
        yield
    except GatedRepoError as error:
        raise HubError(
            f'{place} is gated: ask for access on its page, and {LOG_IN} read it.'
        ) from error
    except RepositoryNotFoundError as error:
        raise HubError(
            f'The Hugging Face hub has no model {repo}, or it is private; {LOG_IN} read it.'
        ) from error
    except RevisionNotFoundError as error:
        raise HubError(
            f'{place}: {repo} has no such revision; give a commit, branch or tag of it.'
        ) from error
    except LocalEntryNotFoundError as error:
        reason = f'cannot be reached ({_first_line(error.__cause__ or error)})'
        if constants.HF_HUB_OFFLINE:
            reason = 'is not asked, as HF_HUB_OFFLINE is set'
        raise HubError(
            f'{place} is not in the cache ({constants.HF_HUB_CACHE}), and the Hugging Face '
            f'hub {reason}; download its folder on another machine, and name that.'
        ) from error
    except EntryNotFoundError as error:
        raise HubError(
            f'{place} does not have {ADAPTER_CONFIG} and {ADAPTER_WEIGHTS}, and other '
            'files, such as pickles, are not read from the hub.'
        ) from error
    except HfHubHTTPError as error:
        status = getattr(error.response, 'status_code', None)
        if status in (401, 403):
            raise HubError(
                f'The Hugging Face hub refuses {repo} ({status}); {LOG_IN} use it.'
            ) from error
        raise HubError(
            f'The Hugging Face hub failed on {place} ({_first_line(error)}); try later.'
        ) from error
    except HTTP_ERROR as error:
        raise HubError(
            f'The connection to the Hugging Face hub broke off at {place} '
            f'({_first_line(error)}); try again.'
        ) from error


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
