"""The synthetic set, evaluated."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
from xtcocotools.coco import COCO
from xtcocotools.cocoeval import COCOeval

from tests.test_evaluation import synthetic
from vlpose_mm.evaluation.functional.coco_files import read_annotations
from vlpose_mm.evaluation.functional.scenario_evaluation import ScenarioEvaluation

SIGMAS = synthetic.metainfo()['sigmas']


@pytest.fixture(scope='module')
def content() -> dict:
    return synthetic.annotations()


@pytest.fixture(scope='module')
def coco_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[dict], COCO]:
    """Turn annotations into a COCO object."""
    folder = tmp_path_factory.mktemp('synthetic')
    return lambda content: read_annotations(
        synthetic.write(content, Path(folder / 'ann.json'))
    )


@pytest.fixture(scope='module')
def evaluation(content: dict, coco_of: Callable) -> ScenarioEvaluation:
    return ScenarioEvaluation(coco_of(content), synthetic.results(content), SIGMAS)


@pytest.fixture
def ann_file(content: dict, tmp_path: Path) -> str:
    return synthetic.write(content, tmp_path / 'ann.json')


def coco_eval(
    coco_gt: COCO, coco_dt: COCO, img_ids: list[int] | None = None, **settings
) -> COCOeval:
    """COCO's own evaluation of some images."""
    settings = dict(iouType='keypoints', sigmas=SIGMAS, use_area=True) | settings
    evaluation = COCOeval(coco_gt, coco_dt, **settings)
    if img_ids is not None:
        evaluation.params.imgIds = img_ids
    with contextlib.redirect_stdout(None):
        evaluation.evaluate()
        evaluation.accumulate()
        if settings['iouType'] == 'keypoints':
            evaluation.summarize()
    return evaluation
