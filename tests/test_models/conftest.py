"""Fixtures of the tests of models."""

import pytest


@pytest.fixture
def warned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    texts = []
    monkeypatch.setattr(
        'vlpose_mm.models.vlpose.print_log', lambda text, **_: texts.append(text)
    )
    return texts
