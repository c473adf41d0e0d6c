"""The synthetic set, evaluated."""

from collections.abc import Callable
from pathlib import Path

import pytest
from xtcocotools.coco import COCO

from tests.test_evaluation import synthetic
from vlpose_mm.evaluation.functional.scenario_evaluation import ScenarioEvaluation

SIGMAS = synthetic.metainfo()['sigmas']


@pytest.fixture(scope='module')
def content() -> dict:
    return synthetic.annotations()


@pytest.fixture(scope='module')
def coco_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[dict], COCO]:
    """Turn annotations into a COCO object."""
    path = tmp_path_factory.mktemp('synthetic') / 'ann.json'
    return lambda content: COCO(synthetic.write(content, path))


@pytest.fixture(scope='module')
def evaluation(content: dict, coco_of: Callable) -> ScenarioEvaluation:
    return ScenarioEvaluation(coco_of(content), synthetic.results(content), SIGMAS)


@pytest.fixture
def ann_file(content: dict, tmp_path: Path) -> str:
    return synthetic.write(content, tmp_path / 'ann.json')
