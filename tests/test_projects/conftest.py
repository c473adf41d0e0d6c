"""The scripts of a project import each other from its folder."""

import pytest

from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def mini_humanart_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / 'projects/mini_humanart')
