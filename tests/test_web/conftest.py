"""A server of the page and a browser."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from mmengine.registry import init_default_scope
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.conftest import ROOT
from tests.test_web.serving import Server, open_page, open_window, start_server
from vlpose_mm import VLPoseInferencer
from vlpose_mm.web.examples import find_examples

ARGS = (
    '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run '
    '--disable-background-networking --disable-component-update --disable-sync'
).split()


@pytest.fixture(scope='session')
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for all tests."""
    running = start_server(tmp_path_factory.mktemp('web'))
    yield running
    running.stop()


@pytest.fixture(scope='session')
def chromium() -> Iterator[Browser]:
    """A browser without a window."""
    path = shutil.which('chromium')
    assert path, 'Chromium is missing; install it, on Debian with: apt-get install chromium'
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGS)
        yield browser
        browser.close()


@pytest.fixture(scope='session')
def desktop(chromium: Browser) -> Iterator[BrowserContext]:
    """A large window."""
    window = open_window(chromium, 1280, 900)
    yield window
    window.close()


@pytest.fixture
def page(desktop: BrowserContext, server: Server) -> Iterator[Page]:
    """The page on a large screen."""
    page = open_page(desktop, server)
    yield page
    page.close()


@pytest.fixture
def phone(chromium: Browser, server: Server) -> Iterator[Page]:
    """The page on a phone."""
    window = open_window(chromium, 390, 844, is_mobile=True, has_touch=True)
    yield open_page(window, server)
    window.close()


@pytest.fixture(scope='session')
def inferencer() -> VLPoseInferencer:
    """The model of the server, in this process."""
    init_default_scope('mmpose')
    return VLPoseInferencer('mini-drawn', device='cpu')


@pytest.fixture(scope='session')
def untuned() -> VLPoseInferencer:
    """A ViTPose of MMPose."""
    init_default_scope('mmpose')
    mini = ROOT / 'projects/mini_humanart'
    config, weights = 'configs/vitpose_mini_photos.py', 'vitpose_mini_photos.pth'
    return VLPoseInferencer(
        str(mini / config), str(mini / weights), device='cpu', det_model='whole-image'
    )


@pytest.fixture(scope='session')
def glass() -> Path:
    """A drawn stained glass image."""
    paths = [path for paths in find_examples().values() for path in paths]
    (path,) = [path for path in map(Path, paths) if path.parent.name == 'stained_glass']
    return path
