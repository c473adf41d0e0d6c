"""Fixtures of the tests of models."""

from collections.abc import Callable

import pytest

from tests.test_models.test_text_encoders.text_families import Family


@pytest.fixture
def warned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the estimator warns of."""
    texts = []
    monkeypatch.setattr(
        'vlpose_mm.models.pose_estimators.vlpose.print_log',
        lambda text, **_: texts.append(text),
    )
    return texts


@pytest.fixture(scope='session')
def families(minilm: str, tmp_path_factory: pytest.TempPathFactory) -> Callable:
    """Make a tiny model of a family, each once."""
    made = {}

    def family(make: Callable) -> Family:
        if make not in made:
            made[make] = Family(make, minilm, tmp_path_factory.mktemp(make.__name__))
        return made[make]

    return family
