"""Fixtures of the tests of models."""

from collections.abc import Callable
from functools import cache

import pytest

from tests.test_models.test_text_encoders.text_families import Family

WARNING = (
    'pose_estimators.vlpose',
    'pose_estimators.router',
    'text_encoders.language_model',
)


@pytest.fixture
def warned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the estimator, its router and its language model warn of."""
    texts = []
    for module in WARNING:
        name = f'vlpose_mm.models.{module}.print_log'
        monkeypatch.setattr(name, lambda text, **_: texts.append(text))
    return texts


@pytest.fixture(scope='session')
def families(
    minilm: str, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Family]:
    """Make a tiny model of a family, each once."""
    return cache(lambda name: Family(name, minilm, tmp_path_factory.mktemp(name)))
